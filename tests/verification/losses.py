"""Entries that are lost with their key, as acts of a section declare (journal.md, *Lost keys*)."""

import datetime

from .reading import KEPT


def month_of(entry):
    try:
        begin = datetime.datetime(1970, 1, 1) + datetime.timedelta(milliseconds=entry["at"])
    except OverflowError:
        return 0
    return begin.year * 100 + begin.month


def class_of(entry):
    return "act" if entry["kind"] in KEPT else "exchange"


def loses(act, entry):
    """Whether an act declares that what an entry says is lost."""
    detail = act[4]
    about = detail["class"] == class_of(entry) and detail["first_index"] <= entry["index"] <= detail["last_index"]
    return about and entry["state"] == "destroyed" and detail["month"] == month_of(entry)


def losses_that_count(section):
    """Acts that declare a loss and whose key opens nothing any more, of all that it sealed up to the last entry that they name."""
    there = {}
    for entry in section.entries:
        if entry["state"] in ("known", "withheld"):
            there.setdefault((class_of(entry), month_of(entry)), entry["index"])
    found = []
    for act in section.acts:
        if act[2] == "journal.loss":
            first, last = act[4]["first_index"], act[4]["last_index"]
            if first <= last < act[0] and there.get((act[4]["class"], act[4]["month"]), last + 1) > last:
                found.append(act)
    return found
