"""A collector, written from the OTLP specification 1.x (OTLP/HTTP, JSON Protobuf Encoding) and trace.proto. It holds what it gets
against the text, and takes it unless the test says otherwise."""

import json
import re
import time

from .servers import Recorder, Reply

SPAN = {
    "traceId", "spanId", "traceState", "parentSpanId", "flags", "name", "kind", "startTimeUnixNano", "endTimeUnixNano", "attributes",
    "droppedAttributesCount", "events", "droppedEventsCount", "links", "droppedLinksCount", "status",
}  # fmt: skip


def attributes(listed):
    """KeyValue: what is text, as a dictionary; a key comes once."""
    made = {each["key"]: each["value"]["stringValue"] for each in listed}
    assert len(made) == len(listed) and all(set(each) == {"key", "value"} for each in listed), listed
    return made


def spans(request):
    """The spans of an ExportTraceServiceRequest, in its order, each with its resource; whatever is not of the form fails."""
    assert set(request) == {"resourceSpans"}, request
    found = []
    for of_resource in request["resourceSpans"]:
        assert set(of_resource) <= {"resource", "scopeSpans", "schemaUrl"}, of_resource
        resource = attributes(of_resource["resource"]["attributes"])
        for of_scope in of_resource["scopeSpans"]:
            assert set(of_scope) <= {"scope", "spans", "schemaUrl"}, of_scope
            for span in of_scope["spans"]:
                assert set(span) <= SPAN, span
                # Identifiers are hexadecimal, not base64; neither may be all zeroes.
                assert re.fullmatch(r"[0-9a-f]{32}", span["traceId"]) and int(span["traceId"], 16)
                assert re.fullmatch(r"[0-9a-f]{16}", span["spanId"]) and int(span["spanId"], 16)
                assert re.fullmatch(r"[0-9a-f]{16}|", span.get("parentSpanId", ""))
                # 64-bit numbers are text, enumerations are numbers.
                assert all(re.fullmatch(r"\d+", span[each]) for each in ("startTimeUnixNano", "endTimeUnixNano"))
                assert span["name"] and type(span["status"].get("code", 0)) is int
                found.append((resource, span))
    return found


def record(span):
    """A span as the record of Logboek Dataverwerkingen 1.0.0 that it stands for."""
    made = {
        "trace_id": span["traceId"],
        "span_id": span["spanId"],
        "status": ["Unset", "Ok", "Error"][span["status"].get("code", 0)],
        "name": span["name"],
        "start_time": int(span["startTimeUnixNano"]) // 1_000_000,
        "end_time": int(span["endTimeUnixNano"]) // 1_000_000,
        "attributes": attributes(span["attributes"]),
    }
    return made | ({"parent_span_id": span["parentSpanId"]} if span.get("parentSpanId") else {})


class Collector(Recorder):
    """Takes everything, unless `instead` is a reply that is none, `delay` makes it late, `refuses` says of a record that it is not
    taken, or `most` bounds what goes into one request. `before_answer` is called when records have been taken, before that is
    said."""

    def __init__(self, context=None, *, path="/v1/traces", token=None):
        self.path = path
        self.token = token
        self.faults = []
        self.taken = []
        self.resources = []
        self.open()
        super().__init__(context)

    def open(self):
        self.instead, self.delay, self.refuses, self.most, self.before_answer = None, 0, None, None, None

    @property
    def address(self):
        return f"http://127.0.0.1:{self.port}{self.path}"

    def answer(self, request):
        time.sleep(self.delay)
        if self.instead is not None:
            return self.instead
        if self.token and request.headers.get("Authorization") != f"Bearer {self.token}":
            return Reply(401)
        if (request.method, request.target) != ("POST", self.path):
            return Reply(404)
        if request.headers.get_content_type() != "application/json":
            return Reply(415)
        try:
            found = spans(json.loads(request.body))
        except Exception as error:  # noqa: BLE001 - whatever is wrong with it is told by the test
            self.faults.append(repr(error))
            return Reply(400)
        if self.most and len(found) > self.most:
            return Reply(413)
        records = [record(span) for _, span in found]
        refused = [each for each in records if self.refuses and self.refuses(each)]
        with self._lock:
            self.taken += [each for each in records if each not in refused]
            self.resources += [resource for resource, _ in found]
        if self.before_answer and records:
            self.before_answer()
        if refused:
            # int64 in JSON is text.
            said = {"rejectedSpans": str(len(refused)), "errorMessage": f"not taken: {refused[0]['attributes']}"}
            return Reply.of({"partialSuccess": said})
        return Reply.of({"partialSuccess": {}})

    def records(self):
        """What it holds, each once, in the order in which it first came."""
        held = {}
        with self._lock:
            for each in self.taken:
                known = held.setdefault((each["trace_id"], each["span_id"]), each)
                assert known == each, "a record came again with other content"
        return list(held.values())
