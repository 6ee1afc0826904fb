"""NLGov REST API Design Rules 2.1: the APIs that are this program's own, by their descriptions and by their answers.

docs/conformance/api-design-rules.md says per rule what holds; each test names the rules that it is about.
"""

import json
import re
from pathlib import Path

import pytest

from support.wire import UnixClient, free_port

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"
DESCRIPTIONS = ["administration", "nodes"]
SEMANTIC = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+")
FIELDS = {
    "Api-Version": "1.0.0",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


@pytest.fixture(params=DESCRIPTIONS)
def description(request):
    return json.loads((REFERENCE / f"{request.param}.openapi.json").read_text())


def operations(description):
    for path, methods in description["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def test_paths_and_query_keys(description):
    """/core/no-trailing-slash, /core/path-segments-kebab-case, /core/query-keys-camel-case, /core/uri-version,
    /core/http-methods."""
    for path, method, operation in operations(description):
        assert not path.endswith("/")
        if not path.endswith("/openapi.json"):
            assert re.fullmatch(r"(/([a-z0-9]+(-[a-z0-9]+)*|\{[a-z_]+\}))+", path), path
        assert re.match(r"(/verbond)?/v1/", path) or path in ("/health/live", "/health/ready", "/metrics")
        assert method in ("get", "put", "post", "delete", "patch")
        for parameter in operation.get("parameters", []):
            if parameter["in"] == "query":
                assert re.fullmatch(r"[a-z][a-z0-9]*([A-Z][a-z0-9]*)*", parameter["name"]), (path, parameter)


def test_descriptions(description):
    """/core/doc-openapi, /core/semver, /core/version-header, /core/error-handling/problem-details,
    /core/error-handling/invalid-input."""
    assert re.fullmatch(r"3\.[0-9]+\.[0-9]+", description["openapi"])
    assert SEMANTIC.fullmatch(description["info"]["version"])
    for path, method, operation in operations(description):
        for status, response in operation["responses"].items():
            assert "API-Version" in response["headers"], (path, method, status)
            if status[0] in "45d" and "content" in response and not path.startswith("/health"):
                assert list(response["content"]) == ["application/problem+json"], (path, method, status)


def test_moments_and_days_have_their_formats(description):
    """/core/date-time/format, /core/date-time/date-omit-time-portion."""
    for name, schema in description["components"]["schemas"].items():
        for member, form in schema.get("properties", {}).items():
            if member.endswith(("_at", "_until")) and "string" in form.get("type", ""):
                assert form.get("format") in ("date-time", "date"), (name, member, form)


@pytest.fixture(scope="module")
def node(world):
    port = free_port()
    made = world.node("provider", settings={"public": {"listen": f"127.0.0.1:{port}", "tls": False}})
    made.public_port = port
    return made


def asked(node, path, method="GET"):
    return UnixClient(node.folder / "administration.sock").request(method, path)


def test_answers_carry_version_and_security_fields(node):
    """/core/version-header, /core/transport/security-headers, /core/transport/cors: on what goes well and what does not."""
    for path in ("/v1/node", "/v1/services", "/v1/services/none", "/v1/none", "/health/live", "/v1/openapi.json"):
        answer = asked(node, path)
        for name, value in FIELDS.items():
            assert answer.headers[name] == value, (path, name)
        assert answer.headers["Strict-Transport-Security"]
        assert "Access-Control-Allow-Origin" not in answer.headers


def test_a_trailing_slash_is_not_found(node):
    """/core/no-trailing-slash: 404, and no redirect."""
    for path in ("/v1/services/", "/v1/node/", "/v1/"):
        assert asked(node, path).status == 404


def test_errors_are_problem_details(node):
    """/core/error-handling/problem-details: the media type, and `status`, `title`, `detail`."""
    for path, method, status in (("/v1/none", "GET", 404), ("/v1/node", "DELETE", 405), ("/v1/records?limit=x", "GET", 400)):
        answer = asked(node, path, method)
        assert answer.status == status
        assert answer.headers["Content-Type"] == "application/problem+json"
        problem = answer.json()
        assert problem["status"] == status and problem["title"] and problem["detail"]


def test_the_description_stands_where_it_is_looked_for(node):
    """/core/publish-openapi: `openapi.json` below the API's root, and what is checked in."""
    assert asked(node, "/v1/openapi.json").json() == json.loads((REFERENCE / "administration.openapi.json").read_text())
