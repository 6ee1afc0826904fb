"""Documents as sources send them, and what of them should arrive: worked out with Python's own reader of JSON."""

import re

from .agreements import element

SECRET = "Niet-Afgesproken"

KINDS = {
    "string": lambda value: isinstance(value, str),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: isinstance(value, (int, float)) and not isinstance(value, bool),
    "boolean": lambda value: isinstance(value, bool),
    "subtree": lambda value: True,
}
ABSENT = object()


def steps(path):
    """A path as names, and `[*]` for the items of a list."""
    found = re.findall(r"\.([^.\[]+)|(\[\*\])|\['([^']*)'\]", path.removeprefix("$"))
    return [short or items or quoted for short, items, quoted in found]


def projected(value, paths):
    """What stands at these agreed paths of a document, by the types that were agreed."""
    return _projected(value, [(steps(path), kind) for path, kind in paths.items()])


def _projected(value, paths):
    """What stands at these paths: members by name, lists with their places, nothing else. What is not of the agreed type is
    absent, and `null` where it is an item of a list."""
    here = [kind for path, kind in paths if not path]
    if here:
        return value if KINDS[here[0]](value) else ABSENT
    if isinstance(value, dict):
        shown = {}
        for name, member in value.items():
            below = [(path[1:], kind) for path, kind in paths if path[0] == name]
            found = _projected(member, below) if below else ABSENT
            if found is not ABSENT:
                shown[name] = found
        return shown
    if isinstance(value, list) and all(path[0] == "[*]" for path, _ in paths):
        items = (_projected(item, [(path[1:], kind) for path, kind in paths]) for item in value)
        return [None if item is ABSENT else item for item in items]
    return ABSENT


def agreed_on(base, name, record, paths, **more):
    return {**base, "name": name, "path": f"/{name}/{{person}}", "record": record,
            "delivered": [{**element(path, kind, "personal"), **({"why_all": "It has no fixed form."} if kind == "subtree" else {})}
                          for path, kind in paths.items()], **more}  # fmt: skip
