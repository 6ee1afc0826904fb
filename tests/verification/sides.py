"""What both parties tell of one exchange, and what one participant told of an entry that it gives elsewhere."""

from .acts import MINUTE


def compare_told(verifier):
    """Holds what was told against what the same participant gives elsewhere of the same leaf: of what an entry is called no more is in the tree."""
    for section in verifier.sections:
        for entry in section.entries:
            if entry["index"] not in section.by_telling:
                continue
            for other in verifier.sections:
                if other.participant != section.participant:
                    continue
                given = [each for each in other.entries if each["leaf"] == entry["leaf"] and each["index"] not in other.by_telling]
                if any(each["content"] and judged_of(each) != judged_of(entry) for each in given):
                    place = {"index": entry["index"], "transaction_id": entry["content"]["exchange"][0]}
                    verifier.alarm("TOLD_DIFFERS", section.participant, "the journal says something else", **place)


def compare_sides(verifier):
    both = agree = 0
    for section in verifier.sections:
        alone = less = own = 0
        for exchange, entry in section.permits.items():
            if telling(verifier, section.participant, exchange) is not section:
                continue
            mirror = (exchange[0], "incoming" if exchange[1] == "outgoing" else "outgoing", section.participant)
            others = [each for each in verifier.sections if each.participant == exchange[2]]
            there = telling(verifier, exchange[2], mirror)
            done = section.completions.get(exchange)
            if there is None:
                if not any(covers(each, entry["at"]) for each in others):
                    alone += 1
                elif exchange[1] == "incoming" or done and done["content"]["delivery"] != "nothing":
                    place = {"index": entry["index"], "transaction_id": exchange[0]}
                    verifier.alarm("HALF_MISSING", section.participant, "the other party has no permit for this", **place)
            elif exchange[1] == "outgoing":
                both += 1
                theirs = there.completions.get(mirror)
                if done and theirs and arrived(done["content"]) < arrived(theirs["content"]):
                    less += 1
                elif done and theirs:
                    agree += 1
                    whole = {one["content"]["delivery"] for one in (done, theirs)} == {"whole"}
                    other_elements = whole and elements_of(done["content"]) != elements_of(theirs["content"])
                    if other_elements and at_handover((section, entry), (there, there.permits[mirror])):
                        own += 1
                        other_elements = False
                    if other_elements or differ(done["content"], theirs["content"]):
                        agree -= 1
                        place = {"index": done["index"], "transaction_id": exchange[0]}
                        verifier.alarm("COMPLETIONS_DIFFER", section.participant, "the parties tell of different deliveries", **place)
        verifier.note("NOT_ALL_ARRIVED", section.participant, less, "exchanges of which less arrived than was handed on")
        verifier.note("AT_HANDOVER", section.participant, own, "exchanges of which each side names the elements of its own version")
        verifier.note("ONE_SIDE", section.participant, alone, "permits whose other half was not given")
    return {"both_sides": both, "agree": agree}


def at_handover(*permits):
    """Whether both were given under versions of one agreement, about the moment at which the one took the place of the other."""
    decisions = [entry["content"].get("decision") for _, entry in permits]
    if not all(decision and decision["agreement"] for decision in decisions):
        return False
    names = [decision["agreement"] for decision in decisions]
    if names[0][0] != names[1][0] or names[0][1] == names[1][1]:
        return False
    later = names.index(max(names, key=lambda name: name[1]))
    version = permits[later][0].versions.get(names[later])
    return bool(version) and version.is_bound_for_its_begin() and all(abs(entry["at"] - version.begin) <= MINUTE for _, entry in permits)


def telling(verifier, participant, exchange):
    """The section that counts of those in which a participant has a permit of an exchange."""
    there = [each for each in verifier.sections if each.participant == participant and exchange in each.permits]
    return min(there, key=lambda each: (each.permits[exchange]["index"] in each.by_telling, exchange not in each.completions), default=None)


def covers(section, at):
    """Whether the journal would hold a permit of that time."""
    if not section.whole or section.cut or section.missing is not None or not section.entries or not section.checkpoints:
        return False
    period = section.head.get("period")
    if period and not period["from"] + MINUTE <= at <= period["until"] - MINUTE:
        return False
    if any(first <= at <= last for first, last in section.lost):
        return False
    if any(each["kind"] == "permit" and not each["content"] and abs(each["at"] - at) <= MINUTE for each in section.entries):
        return False
    return section.entries[0]["at"] <= at <= section.checkpoints[-1][2] - MINUTE


def judged_of(entry):
    """What two tellings of one entry must have alike."""
    content = entry["content"]
    if entry["kind"] == "permit":
        decision = content.get("decision")
        near = decision and abs(decision["at"] - entry["at"]) <= MINUTE
        holds = decision and decision["permits"] and decision["agreement"] and decision["transaction"] in (None, content["transaction_id"])
        return content["exchange"], decision and bool(holds), decision and decision["agreement"], decision["at"] if near else entry["at"]
    if entry["kind"] == "completion":
        return content["exchange"], content["permit"], content["delivery"], content.get("status"), told_of(content), bool(content.get("elements"))
    return None


def arrived(completion):
    return ("nothing", "broken_off", "whole").index(completion["delivery"])


def differ(first, second):
    """Whether two completions tell of different deliveries, beside their elements."""
    deliveries = {first["delivery"], second["delivery"]}
    if len(deliveries) == 2:
        return True
    if "nothing" not in deliveries and first.get("status") != second.get("status"):
        return True
    return "whole" in deliveries and crossed(first) != crossed(second)


def crossed(completion):
    parts = [completion[part][member] for part in ("request", "response") for member in ("bytes", "digest")]
    return [*parts, completion["salt"]]


def elements_of(completion):
    return sorted((each["path"], each["count"]) for each in completion["elements"])


def told_of(completion):
    return [*crossed(completion), elements_of(completion)]
