"""What acts say of services, people and agreements (entries.md): which service was open, who might sign, when a statement was taken in."""

import hashlib

from . import signatures

MINUTE = 60_000


def declared_open(section):
    """Spans of time in which acts had declared services open (entries.md, *Declared open*): where the declaration stands, what is open
    by it, from when, until when."""
    spans = []

    def declares(where, at, what=None):
        for span in spans:
            if span[3] is None and span[0][: len(where)] == where:
                span[3] = at
        if what:
            spans.append([where, what, at, None])

    for entry in section.entries:
        if entry["kind"] != "act" or not entry["content"]:
            continue
        at, action, subject = entry["at"], entry["content"]["action"], entry["content"]["subject"]
        detail = entry["content"]["detail"] if isinstance(entry["content"]["detail"], dict) else {}
        application, service, opens = detail.get("application"), detail.get("service"), detail.get("class") == "open"
        if action in ("service.put", "service.class-decided"):
            declares(("own", subject), at, ("own", subject) if opens else None)
        elif action in ("service.remove", "service.governed"):
            declares(("own", subject), at)
        elif action == "application.bind" and isinstance(application, str) and isinstance(service, str):
            declares(("bound", application, subject), at, ("bound", application, service) if opens else None)
        elif action == "application.unbind" and isinstance(application, str):
            declares(("bound", application, subject), at)
        elif action == "application.remove":
            declares(("bound", subject), at)
    return spans


def knows_acts(section):
    """Whether the acts that decide on services and people are there, so that what none of them says was not so."""
    has_them = section.missing is None if section.whole else "for" not in section.head
    lost = any(action == "journal.loss" and detail["class"] == "act" for _, _, action, _, detail in section.acts)
    has_them = has_them and not (lost and not section.whole)
    return has_them and all(each["content"] for each in section.entries if each["kind"] == "act")


def had_role(section, role, key, moment):
    """Whether acts say that the key was, five minutes more or less, that of somebody with this role (entries.md, *People*)."""
    wanted, spans = hashlib.sha256(signatures.unbase64url(key)).hexdigest(), {}
    found = []  # (key, from, until)
    for entry in section.entries:
        action = entry["content"]["action"] if entry["kind"] == "act" else None
        if action not in ("person.enrol", "person.roles", "person.disable"):
            continue
        person, at = entry["content"]["subject"], entry["at"]
        detail = entry["content"]["detail"] if isinstance(entry["content"]["detail"], dict) else {}
        before, signs, begun = spans.pop(person, (None, False, 0))
        if signs:
            found.append((before, begun, at))
        roles = detail["roles"] if isinstance(detail.get("roles"), list) else []
        after = detail.get("thumbprint") if action == "person.enrol" else before
        if action != "person.disable" and isinstance(after, str):
            spans[person] = (after, role in roles, at)
    found += [(each, begun, None) for each, signs, begun in spans.values() if signs]
    return any(
        each == wanted and begun - 5 * MINUTE <= moment and (ended is None or moment <= ended + 5 * MINUTE) for each, begun, ended in found
    )


def may_be_open(section, spans, permit):
    """Whether acts had declared the permit's service open, or cannot say that they had not."""
    if not knows_acts(section):
        return True
    content, at = permit["content"], permit["at"]
    what = ("own", content["service"])
    if content["direction"] == "outgoing":
        what = ("bound", content.get("application"), f"{content['provider']}/{content['service']}")
    return any(span[1] == what and span[2] - MINUTE <= at and (span[3] is None or at <= span[3] + MINUTE) for span in spans)


def taken_in(sections):
    """When the first of all journals took in each statement about an agreement, by what was signed."""
    first = {}
    for section in sections:
        for statement, at, _ in statements_of(section):
            first[statement] = min(at, first.get(statement, at))
    return first


def statements_of(section):
    """The statements that acts of the section took in, each with the time of the act and the version that it is about."""
    for entry in section.entries:
        if entry["kind"] == "act" and entry["content"] and entry["content"]["action"].startswith("agreement."):
            detail = entry["content"]["detail"]
            statement = detail.get("statement") if isinstance(detail, dict) else None
            if isinstance(statement, str):
                yield statement, entry["at"], entry["content"]["subject"]
