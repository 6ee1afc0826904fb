"""Checkpoints that came from elsewhere, held against what their participants give."""

from collections import defaultdict

from .acts import MINUTE
from .note import VerifierKey
from .note import Wrong as WrongNote
from .signatures import Wrong


def compare_histories(verifier, earlier):
    """Holds every checkpoint that came from elsewhere against what its participant gives."""
    brought, stated, disputed = [], defaultdict(list), []  # (checkpoint, when or None, who brings it, place)
    for section in [*verifier.sections, *earlier[1]]:
        for entry in section.entries:
            content = entry.get("content")
            if entry["kind"] != "witness" or not content:
                continue
            checkpoint, place = content["checkpoint"], {"index": entry["index"]}
            try:
                key = VerifierKey.parse(content["verifier_key"])
                if not checkpoint.note.signed_by(key):
                    raise WrongNote("the checkpoint is not signed by its key")
            except WrongNote as error:
                verifier.alarm("CHECKPOINT_SIGNATURE", section.participant, str(error), **place)
                continue
            if "key" in content:
                taken = take_key(verifier, section, content, checkpoint.origin, place)
                (stated[checkpoint.origin] if taken else disputed).append(key)
            when = entry["at"] if section in verifier.sections else None
            brought.append((checkpoint, when, section.participant, place, section))
    for section in earlier[1]:
        for origin, keys in section.keys.items():
            stated[origin] += [key for _, key in keys]
    for section in [*verifier.sections, *earlier[1]]:
        known = section in verifier.sections
        brought += [(each, at if known else None, section.participant, {}, section) for _, each, at in section.checkpoints]
    brought += [(each, None, each.origin.split("/")[0], {}, None) for each in earlier[0]]
    for section in verifier.sections:
        for size, known, index in section.gaps.values():
            keys = stated[known.origin] + [key for _, key in section.keys.get(known.origin, [])]
            if not any(known.note.signed_by(key) for key in keys):
                verifier.alarm("CHECKPOINT_SIGNATURE", section.participant, f"the last checkpoint before {size} is not by the journal's key", index=index)
    truncated, two, seen = {}, {}, {}
    for checkpoint, when, who, place, source in brought:
        owner = checkpoint.origin.split("/")[0]
        homes = [each for each in verifier.sections if each.participant == owner]
        keys = stated[checkpoint.origin] + [key for each in homes for _, key in each.keys.get(checkpoint.origin, [])]
        if homes and source not in homes and not any(checkpoint.note.signed_by(key) for key in keys):
            if "index" not in place or not any(checkpoint.note.signed_by(key) for key in disputed):
                verifier.alarm("CHECKPOINT_SIGNATURE", who, "nobody has certified the key of this checkpoint", **place)
            continue
        known = seen.setdefault((checkpoint.origin, checkpoint.size), (checkpoint.root, source))
        if known[0] != checkpoint.root and known[1] is not source:
            two[checkpoint.origin] = min(two.get(checkpoint.origin, checkpoint.size), checkpoint.size)
        for home in homes:
            last = home.checkpoints[-1][2] if home.checkpoints else 0
            gap = home.gaps.get(checkpoint.origin)
            if epoch(checkpoint.origin) > last_epoch(home) or checkpoint.size > (gap[0] if gap else home.size):
                timely = gap or when is None or source is home or when <= last - MINUTE
                if timely and not (gap and checkpoint.size <= gap[1].size):
                    truncated[checkpoint.origin] = max(truncated.get(checkpoint.origin, 0), checkpoint.size)
            elif source is not home and home.roots.get(checkpoint.size, checkpoint.root) != checkpoint.root:
                two[checkpoint.origin] = min(two.get(checkpoint.origin, checkpoint.size), checkpoint.size)
    for origin, size in truncated.items():
        verifier.alarm("TRUNCATED", origin.split("/")[0], f"{origin} was over {size} entries", index=size)
    for origin, size in two.items():
        verifier.alarm("TWO_HISTORIES", origin.split("/")[0], f"two histories of {origin} over {size} entries", index=size)


def epoch(origin):
    return int(origin.rsplit("/", 1)[1])


def last_epoch(section):
    """The last epoch that a section opens."""
    opened = [epoch(each.origin) for _, each, _ in section.checkpoints] + [epoch(each) + 1 for each in section.gaps]
    return max(opened, default=float("inf"))


def take_key(verifier, section, content, origin, place):
    """Whether the counterpart's own statement about its key, as a witness kept it, holds; of an earlier day nothing is found."""
    judging = verifier if section in verifier.sections else type(verifier)(verifier.anchors, verifier.lists)
    try:
        chain, at = verifier.certified(content["counterpart"], origin, content["verifier_key"], content["key"])
        return judging.judge_certificate(section, chain, content["counterpart"], at, **place)
    except (Wrong, WrongNote) as error:
        judging.alarm("JOURNAL_KEY", section.participant, str(error), **place)
        return False
