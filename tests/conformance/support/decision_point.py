"""A policy decision point, written from OpenID AuthZEN Authorization API 1.0 (Access Evaluation, HTTPS JSON binding) with the
narrowing of the NLGov profile 1.0.0. It holds what it is asked against the text, and decides by what the test says."""

import json
import re
import time

from .servers import Recorder, Reply

TRACEPARENT = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


def once(pairs):
    """I-JSON (RFC 7493): no member twice."""
    made = dict(pairs)
    assert len(made) == len(pairs), f"a member occurs twice: {pairs}"
    return made


def fault(question):
    """What is wrong with an Access Evaluation request, if anything: then the answer is 400."""
    if not isinstance(question, dict):
        return "not an object"
    for entity, members in (("subject", ("type", "id")), ("resource", ("type", "id")), ("action", ("name",))):
        found = question.get(entity)
        if not isinstance(found, dict):
            return f"{entity} is no object"
        for member in members:
            if not isinstance(found.get(member), str) or not found[member]:
                return f"{entity}.{member} is no text"
        if not isinstance(found.get("properties", {}), dict):
            return f"{entity}.properties is no object"
    context = question.get("context", {})
    if not isinstance(context, dict):
        return "context is no object"
    if "traceparent" in context and not TRACEPARENT.fullmatch(context["traceparent"]):
        return "context.traceparent is no traceparent"
    if "time" in context and not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", context["time"]):
        return "context.time is not of RFC 3339"
    return nulls(question)


def nulls(value, place=""):
    """AuthZEN has absent members left out."""
    if value is None:
        return f"{place} is null"
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return next((found for name, each in children if (found := nulls(each, f"{place}/{name}"))), None)


class DecisionPoint(Recorder):
    """Permits unless told otherwise: `context` and `decision` make the answer, `instead` a reply that is none."""

    def __init__(self, context=None, *, path="/access/v1/evaluation", token=None):
        self.path = path
        self.token = token
        self.permit()
        super().__init__(context)

    def permit(self):
        self.decision, self.reasons, self.instead, self.delay = True, None, None, 0

    def deny(self, **reasons):
        self.permit()
        self.decision, self.reasons = False, reasons or None

    def answer(self, request):
        time.sleep(self.delay)
        if self.instead is not None:
            return self.instead
        if self.token and request.headers.get("Authorization") != f"Bearer {self.token}":
            return Reply(401, b'"who is this?"')
        if request.method != "POST" or request.target != self.path:
            return Reply(404, b'"no such endpoint"')
        if request.headers.get_content_type() != "application/json":
            return Reply(400, b'"not JSON"')
        try:
            wrong = fault(json.loads(request.body, object_pairs_hook=once))
        except (ValueError, AssertionError) as error:
            wrong = str(error)
        if wrong:
            return Reply(400, json.dumps(wrong).encode(), {"Content-Type": "application/json"})
        answer = {"decision": self.decision} | ({"context": self.reasons} if self.reasons else {})
        identifier = request.headers.get("X-Request-ID")
        return Reply.of(answer, **({"X-Request-ID": identifier} if identifier else {}))

    def asked(self, transaction=None):
        """What it was asked, with the header of each; of one exchange if that is named."""
        found = [(request.json(), request.headers) for request in self.received("POST")]
        return [each for each in found if transaction is None or each[1].get("X-Request-ID") == transaction]
