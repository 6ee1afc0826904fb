"""Beyond the suite: documents in the forms that systems in use have, synthetic in content. Each is described from a sample by
the program, agreed on by some of the elements found there, previewed, and asked for. What should arrive is worked out here,
with Python's own reader and the paths of the agreement; on the wire and at the application it is held to that."""

import json
import subprocess

import pytest

from support.agreements import BSN, SERVICE, conclude, document, element, write
from support.between_two import consumer, folder, provider, source, token  # noqa: F401
from support.checks import eventually
from support.own_end import Wire
from support.payloads import SECRET, agreed_on, projected
from support.servers import Reply

BIG = 9007199254740993  # 2^53 + 1
JSON = "application/json"

PERSON = {
    "type": "RaadpleegMetBurgerservicenummer",
    "personen": [
        {
            "burgerservicenummer": BSN,
            "naam": {"voornamen": SECRET, "geslachtsnaam": "Voorbeeld", "_links": {"self": {"href": f"/{SECRET}"}}},
            "geboorte": {"datum": {"type": "JaarMaandDatum", "jaar": 1950, "maand": 3, "langFormaat": "maart 1950"}},
            "verblijfplaats": {"type": "Adres", "verblijfadres": {"postcode": "1234AB", "huisnummer": 1}},
            "partners": [{"naam": {"geslachtsnaam": SECRET}}],
        },
        {"geboorte": {"datum": {"type": "JaarDatum", "jaar": 1951}}, "opschortingBijhouding": {"reden": {"code": "O"}}},
    ],
}
BUNDLE = {
    "resourceType": "Bundle", "type": "searchset", "total": 3,
    "link": [{"relation": "next", "url": f"https://fhir.test/?page={SECRET}"}],
    "entry": [
        {"fullUrl": f"urn:{SECRET}",
         "resource": {"resourceType": "Patient", "id": "p1", "name": [{"family": SECRET, "given": [SECRET]}]}},
        {"resource": {"resourceType": "Observation", "status": "final", "valueQuantity": {"value": 7.20, "unit": "mmol/l"},
                      "code": {"coding": [{"system": "http://loinc.org", "code": "2339-0", "display": SECRET}]}}},
        {"resource": {"resourceType": "Observation", "status": "final", "valueString": SECRET, "note": [{"text": SECRET}]}},
    ],
}  # fmt: skip
RINGS = [[[4.895168, 52.370216], [4.9, 52.37], [4.9, 52.38], [4.895168, 52.370216]]]
FEATURES = {
    "type": "FeatureCollection", "crs": {"type": "name", "properties": {"name": "urn:ogc:def:crs:OGC:1.3:CRS84"}},
    "features": [
        {"type": "Feature", "id": 1, "geometry": {"type": "Polygon", "coordinates": RINGS}, "properties": {"class": "A", "owner": SECRET}},
        {"type": "Feature", "id": 2, "geometry": None, "properties": None},
        {"type": "Feature", "id": 3, "geometry": {"type": "Point", "coordinates": [5.1, 52.1]}, "properties": {"class": 7}},
    ],
}  # fmt: skip
TRAFFIC = {
    "payload": {
        "modelBaseVersion": "3", "_type": "MeasuredDataPublication",
        "siteMeasurements": [
            {"measurementSiteReference": {"idG": "RWS01"}, "measuredValue": [
                {"index": 1, "measuredValue": {"basicData": {"averageVehicleSpeed": {"speed": 87.0, "supplier": SECRET}}}},
                {"index": 2, "measuredValue": {"basicData": {"vehicleFlow": {"vehicleFlowRate": 1200}}}},
            ]},
        ],
    },
}  # fmt: skip
TRIP = {
    "entityType": "trip", "id": "0d6c1d3e", "externalAttributes": {"note": SECRET},
    "actions": [
        {"associationType": "inline",
         "entity": {"actionType": "load", "startTime": "2026-11-29T08:00:00Z", "location": {"entity": {"name": SECRET}}}},
        {"uuid": "5b", "associationType": "reference"},
    ],
}  # fmt: skip
PAGE = {"@odata.context": "$metadata#Incomes", "@odata.nextLink": f"https://o.test/?$skiptoken={SECRET}",
        "value": [{"@odata.etag": f'W/"{SECRET}"', "Id": BIG, "Amount": 0}, {"Id": 2, "Amount": None}, {}]}  # fmt: skip
RESOURCES = {"jsonapi": {"version": "1.1"}, "meta": {"note": SECRET}, "included": [{"type": "people", "attributes": {"name": SECRET}}],
             "data": [{"type": "incomes", "id": "1", "attributes": {"year": 2026, "employer": SECRET}, "links": {"self": f"/{SECRET}"}},
                      {"type": "incomes", "id": "2"}]}  # fmt: skip
HAL = {"_links": {"self": {"href": f"/{SECRET}"}}, "total": 2, "_embedded": {"incomes": [
    {"year": 2025, "_links": {"employer": {"href": f"/{SECRET}"}}}, {"year": 2026, "_embedded": {"payer": {"name": SECRET}}}]}}  # fmt: skip
STATISTICS = {"data": {"dataSets": [{"action": "Information", "series": {"0:0:0": {"observations": {"0": [1.5, 0], "1": [None, None]}}}}],
                       "structures": [{"name": "Incomes", "dimensions": {"observation": [{"id": "TIME_PERIOD", "values": [{"id": "2025"}]}]}}]},
              "meta": {"sender": {"id": SECRET}}}  # fmt: skip

# By name: what the source says, and the agreed paths with their types. Where one record stands the importer says.
FORMS = {
    "brp": (PERSON, {"$.personen[*].geboorte.datum.jaar": "integer", "$.personen[*].geboorte.datum.maand": "integer",
                     "$.personen[*].verblijfplaats.verblijfadres.postcode": "string"}),
    "fhir": (BUNDLE, {"$.entry[*].resource.resourceType": "string", "$.entry[*].resource.valueQuantity.value": "number",
                      "$.entry[*].resource.code.coding[*].code": "string"}),
    "geojson": (FEATURES, {"$.features[*].geometry.type": "string", "$.features[*].geometry.coordinates": "subtree",
                           "$.features[*].properties.class": "string"}),
    "datex": (TRAFFIC, {"$.payload.siteMeasurements[*].measuredValue[*].index": "integer",
                        "$.payload.siteMeasurements[*].measuredValue[*].measuredValue.basicData.averageVehicleSpeed.speed": "number"}),
    "trip": (TRIP, {"$.entityType": "string", "$.actions[*].entity.actionType": "string", "$.actions[*].associationType": "string"}),
    "odata": (PAGE, {"$.value[*].Id": "integer", "$.value[*].Amount": "integer"}),
    "jsonapi": (RESOURCES, {"$.data[*].attributes.year": "integer", "$.data[*].id": "string"}),
    "hal": (HAL, {"$._embedded.incomes[*].year": "integer"}),
    "sdmx": (STATISTICS, {"$.data.dataSets[*].action": "string",
                          "$.data.structures[*].dimensions.observation[*].values[*].id": "string"}),
    "matrix": ([[1, [2, SECRET]], [3], []], {"$[*][*]": "integer"}),
}  # fmt: skip

def imported(binary, sample, operation):
    command = [binary, "--data", "/nonexistent", "description", "import", "sample", "-", "--service", SERVICE, "--operation", operation]
    done = subprocess.run(command, input=json.dumps(sample), capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    (made,) = json.loads(done.stdout)["operations"]
    return made


@pytest.fixture(scope="module")
def described(world):
    """Each form described from its sample."""
    return {name: imported(world.binary, sample, f"GET /{name}/{{person}}") for name, (sample, _) in FORMS.items()}

OPENAPI = """
openapi: 3.1.0
info: {title: Personen, version: '2'}
paths:
  /personen/{bsn}:
    parameters:
      - {name: bsn, in: path, required: true, schema: {type: string, pattern: '^[0-9]{9}$'}}
      - {name: X-Origin, in: header, schema: {type: string}}
    get:
      operationId: GetPersoon
      parameters:
        - {name: fields, in: query, schema: {type: array, items: {type: string}}, style: form, explode: false}
        - {name: filter, in: query, style: deepObject, schema: {type: object, properties: {jaar: {type: integer}}}}
      responses:
        '2XX':
          description: ok
          content:
            application/hal+json: {schema: {$ref: '#/components/schemas/Persoon'}}
            application/xml: {schema: {type: object}}
        default: {description: fout, content: {application/problem+json: {schema: {type: object, properties: {title: {type: string}}}}}}
    post:
      operationId: meld
      requestBody:
        content:
          multipart/form-data: {schema: {type: object, properties: {bestand: {type: string, format: binary}}}}
          application/x-www-form-urlencoded: {schema: {type: object, properties: {reden: {type: string}}}}
      responses: {'204': {description: klaar}}
  /lijst:
    get:
      responses:
        '200':
          description: ok
          content:
            application/vnd.api+json: {schema: {type: object, properties: {data: {type: array, items: {type: object, properties: {attributes: {type: object, properties: {jaar: {type: [integer, 'null']}}}}}}}}}
components:
  schemas:
    Persoon:
      allOf:
        - {type: object, properties: {_links: {type: object, properties: {self: {type: object, properties: {href: {type: string}}}}}}}
        - type: object
          properties:
            burgerservicenummer: {type: string}
            geboorte:
              type: object
              properties:
                datum:
                  oneOf: [{$ref: '#/components/schemas/JaarDatum'}, {$ref: '#/components/schemas/OnbekendDatum'}]
                  discriminator: {propertyName: type}
            extra: {type: object, additionalProperties: {type: string}}
            waarde: {anyOf: [{type: string}, {type: number}]}
            matrix: {type: array, items: {type: array, items: {type: number}}}
            'rare.naam': {type: string}
            const: {const: x}
    JaarDatum: {type: object, properties: {type: {type: string}, jaar: {type: integer}, langFormaat: {type: string}}}
    OnbekendDatum: {type: object, properties: {type: {type: string}, onbekend: {type: boolean}}}
"""


def test_what_openapi_says_in_its_less_common_ways_is_taken_over_or_named(world):
    """A choice of schemas, schemas put together, a map, a list of types, a range of statuses, forms that are no JSON."""
    command = [world.binary, "--data", "/nonexistent", "description", "import", "openapi", "-", "--service", SERVICE]
    done = subprocess.run(command, input=OPENAPI, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    person, listed = json.loads(done.stdout)["operations"]
    assert {each["path"]: each["type"] for each in person["elements"]} == {
        "$._links.self.href": "string", "$.burgerservicenummer": "string", "$.const": "string", "$.extra": "subtree",
        "$.geboorte.datum.jaar": "integer", "$.geboorte.datum.langFormaat": "string", "$.geboorte.datum.onbekend": "boolean",
        "$.geboorte.datum.type": "string", "$.matrix[*][*]": "number", "$['rare.naam']": "string", "$.waarde": "TO BE DECIDED",
    }  # fmt: skip
    assert (person["content_type"], listed["content_type"]) == ("application/hal+json", "application/vnd.api+json")
    assert (listed["record"], listed["elements"][0]["nullable"]) == ("$.data[*]", True)
    for told in ("POST /personen/{bsn}: no answer is described", "$.extra: names of members are not fixed", "$.waarde", "X-Origin"):
        assert told in done.stderr


def operations(base, described):
    made = [agreed_on(base, name, described[name]["record"], paths) for name, (_, paths) in FORMS.items()]
    numbers = {"$.n": "number", "$.i": "integer", "$.s": "string", "$.o.n": "number"}
    made.append(agreed_on(base, "document", "$", numbers))
    made.append(agreed_on(base, "list", "$[*]", {"$[*].n": "number"}))
    made.append(agreed_on(base, "lines", "$", numbers, content_type="application/x-ndjson"))
    whole = {"reasoning": "XML cannot be taken apart.", "categories": ["income"], "sensitivity": "personal"}
    made.append(agreed_on(base, "xml", "$", {}, content_type="application/xml", whole_document=whole))
    request = {"content_type": JSON, "elements": [element("$.reason", "string", "personal")]}
    made.append(agreed_on(base, "report", "$", numbers, method="POST", request=request))
    return made


@pytest.fixture(scope="module")
def agreed(consumer, provider, folder, described):
    content = document(provider.node, consumer.node)
    base = content["clauses"][0]["operations"][0]
    content["clauses"][0]["operations"] = operations(base, described)
    return consumer.drafts(content, folder)


@pytest.fixture(scope="module")
def working(consumer, provider, folder, token, agreed, source):
    conclude(consumer, provider, agreed)
    says(source, b"{}")
    eventually(lambda: fetch(consumer, token, "document").status == 200, "an answer under the agreement", 60)


def says(source, body, content_type=JSON, status=200):
    body = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
    source.respond = lambda request: Reply(status, body, {"Content-Type": content_type})


def fetch(consumer, token, name):
    return consumer.node.outway(f"/{SERVICE}/{name}/{BSN}", token)


@pytest.mark.parametrize("name", FORMS)
def test_what_is_described_from_a_sample_is_seen_beforehand_and_arrives(
    consumer, provider, authority, token, agreed, working, source, folder, name
):
    sample, paths = FORMS[name]
    wanted = projected(sample, paths)
    shown = consumer.people["drafter"].afar("agreement", "preview", agreed, write(folder, sample), "--operation", name)
    (previewed,) = shown["operations"]
    assert previewed["delivered"] == wanted and SECRET not in json.dumps(previewed["delivered"])
    says(source, sample)
    assert SECRET.encode() not in Wire(consumer, provider, authority).send("GET", f"/{name}/{BSN}")
    answer = fetch(consumer, token, name)
    assert (answer.status, answer.json()) == (200, wanted), answer


def refused(answer):
    return answer.status == 502 and answer.json()["code"] == "ANSWER_NOT_PROJECTABLE"


@pytest.mark.parametrize(
    ("name", "body", "arrives"),
    [
        # As it is written: no reader of ours makes another number of it.
        ("document", b'{"n":12345678901234567890.50,"i":9007199254740993}', b'{"n":12345678901234567890.50,"i":9007199254740993}'),
        ("document", b'{"n":-1.5E+300,"s":"7"}', b'{"n":-1.5E+300,"s":"7"}'),
        ("document", b'{"n":1e999999,"i":-0}', b'{"n":1e999999,"i":-0}'),
        ("document", b'{"n":"1","i":1.5,"s":null,"x":1}', b"{}"),
        ("document", b"", b""),
        ("document", b"7", b"null"),
        ("document", b'"Niet-Afgesproken"', b"null"),
        ("list", b"[]", b"[]"),
        ("list", b'[1,"a",null,[{"n":1}],{"x":1},{"n":2}]', b'[null,null,null,null,{},{"n":2}]'),
        ("lines", b'{"n":1}\r\n\n{"x":2}\n7\n{"n":3}', b'{"n":1}\n{}\nnull\n{"n":3}\n'),
        ("document", b'{"\\u006e":1,"\\u0073":"\\u0061"}', b'{"n":1,"s":"a"}'),
        # What is not agreed is not held against what is.
        ("document", b'{"x":{"a":1,"a":2},"n":1}', b'{"n":1}'),
        ("document", b'{"n":1,"x":"' + b"x" * 5_000_000 + b'"}', b'{"n":1}'),
    ],
)  # fmt: skip
def test_documents_at_the_edge_of_json(consumer, token, working, source, name, body, arrives):
    says(source, body, "application/x-ndjson" if name == "lines" else JSON)
    answer = fetch(consumer, token, name)
    assert answer.status == 200, answer
    if name == "lines":
        assert [json.loads(line) for line in answer.body.splitlines() if line] == [
            json.loads(line) for line in arrives.splitlines()
        ]
    elif b"\\u" in body:
        assert answer.json() == json.loads(arrives)
    else:
        assert answer.body == arrives


@pytest.mark.parametrize(
    "body",
    [
        b'{"n":1,"\\u006e":2}',
        b'{"o":{"n":1},"o":{"n":2}}',
        b'{"s":"\\ud800"}',
        b'\xef\xbb\xbf{"n":1}',
        '{"n":1}'.encode("utf-16"),
        b'{"s":"\xff"}',
        b'{"n":1}{"n":2}',
        b'{"n":01}',
        b'{"n":NaN}',
        b"{'n':1}",
        b'{"n":1',
        b'{"n":1,"x":' + b"[" * 10_000 + b"]" * 10_000 + b"}",
    ],
)
def test_what_cannot_be_read_in_one_way_gives_nothing(consumer, token, working, source, body):
    says(source, body)
    answer = fetch(consumer, token, "document")
    assert refused(answer), answer
    assert answer.json()["detail"] and answer.json()["next"]


def test_what_is_agreed_and_too_large_is_refused_or_breaks_off_and_is_never_whole(consumer, token, working, source):
    says(source, {"s": "x" * 5_000_000})
    assert refused(fetch(consumer, token, "document"))


def test_xml_goes_out_whole_and_nothing_else_in_its_place(consumer, token, working, source):
    body = b'<?xml version="1.0"?><d2:payload xmlns:d2="http://datex2.eu/schema/3/d2Payload"><speed>87.0</speed></d2:payload>'
    says(source, body, "application/xml")
    answer = fetch(consumer, token, "xml")
    assert (answer.status, answer.body) == (200, body)
    for content_type in (JSON, "text/html", "application/atom+xml"):
        says(source, PERSON, content_type)
        assert refused(fetch(consumer, token, "xml"))


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/x-www-form-urlencoded", b"reason=moved&phone=Niet-Afgesproken"),
        ("multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: form-data; name="reason"\r\n\r\nmoved\r\n--x--\r\n'),
        ("text/plain", b'{"reason": "moved"}'),
        ("application/xml", b"<reason>moved</reason>"),
        (JSON, b"reason=moved"),
        (JSON, b'\xef\xbb\xbf{"reason":"moved"}'),
        (JSON, b'{"reason":"a","reason":"b"}'),
    ],
)
def test_a_request_in_another_form_goes_nowhere(consumer, token, working, source, content_type, body):
    says(source, {"n": 1})
    headers = {"Content-Type": content_type}
    path = f"/{SERVICE}/report/{BSN}"
    good = consumer.node.outway(path, token, method="POST", body=b'{"reason":"moved"}', headers={"Content-Type": JSON})
    assert good.json() == {"n": 1}
    source.forget()
    answer = consumer.node.outway(path, token, method="POST", body=body, headers=headers)
    assert answer.status in (400, 415, 422) and answer.json()["code"].isupper() and source.received() == [], answer
