"""Beyond the suite: documents in the forms of interfaces that Dutch sources have, by their published descriptions: synthetic in
content, and written anew. What differs in form from `test_beyond_foreign_payloads.py`: a body that says of which kind it is,
values that are one thing or another, names with spaces, colons and whole addresses, numbers as text, maps whose names are not
fixed, and one answer with ten thousand features."""

import json
import subprocess

import pytest

from support.agreements import BSN, SERVICE, conclude, document, element
from support.between_two import consumer, folder, provider, source, token  # noqa: F401
from support.checks import eventually
from support.own_end import Wire
from support.payloads import SECRET, agreed_on, projected
from support.servers import Reply

BIG = 9007199254740993  # 2^53 + 1
NAME = "https://uri.etsi.org/ngsi-ld/default-context/no2"
DEEP = 28

# As the register of companies has it: HAL, yes and no in words, days in eight digits.
COMPANY = {
    "kvkNummer": "09012345", "indNonMailing": "Nee", "naam": "Bakkerij", "formeleRegistratiedatum": "20150622",
    "materieleRegistratie": {"datumAanvang": "20150101"}, "totaalWerkzamePersonen": 12,
    "sbiActiviteiten": [{"sbiCode": "01241", "sbiOmschrijving": "Bakken", "indHoofdactiviteit": "Ja"}],
    "_embedded": {
        "hoofdvestiging": {"vestigingsnummer": "000012345678",
                           "adressen": [{"type": "bezoekadres", "indAfgeschermd": "Ja", "straatnaam": SECRET, "postcode": "1234AB"}]},
        "eigenaar": {"rsin": SECRET, "rechtsvorm": "BV", "links": [{"rel": "self", "href": f"/{SECRET}"}]},
    },
    "links": [{"rel": "self", "href": f"/{SECRET}"}],
}  # fmt: skip
# As the register of addresses: HAL with objects of links, points in lists.
ADDRESSES = {"_embedded": {"adressen": [
    {"openbareRuimteNaam": "Laan", "huisnummer": 1, "postcode": "1234AB", "pandIdentificaties": ["0363100012345678", "0363100012345679"],
     "_links": {"self": {"href": f"/{SECRET}"}, "panden": [{"href": f"/{SECRET}"}]},
     "_embedded": {"adresseerbaarObject": {"verblijfsobject": {"geometrie": {"punt": {"type": "Point", "coordinates": [121000.5, 487000.25]}}}}}},
    {"openbareRuimteNaam": "Laan", "huisnummer": 2, "huisletter": SECRET},
]}, "_links": {"self": {"href": f"/{SECRET}"}}}  # fmt: skip
# As the register of vehicles (Socrata): a list at the top, numbers as text, the server's own names with a colon.
VEHICLES = [{":id": f"row-{SECRET}", ":updated_at": "2026-11-01T00:00:00.000Z", "kenteken": "AA11BB", "aantal_zitplaatsen": "5",
             "catalogusprijs": "25000", "api_gekentekende_voertuigen_assen": f"https://opendata.test/{SECRET}"},
            {":id": "row-2", "kenteken": "CC22DD", "aantal_zitplaatsen": 5}]  # fmt: skip
# As education's tables (CKAN): an envelope, and columns with spaces.
SCHOOLS = {"help": f"https://ckan.test/{SECRET}", "success": True, "result": {
    "fields": [{"id": "_id", "type": "int"}, {"id": "AANTAL LEERLINGEN", "type": "numeric"}],
    "records": [{"_id": 1, "INSTELLINGSNAAM VESTIGING": "De School", "AANTAL LEERLINGEN": 250, "TELEFOONNUMMER": SECRET},
                {"_id": 2, "INSTELLINGSNAAM VESTIGING": "Een School", "AANTAL LEERLINGEN": "<5"}],
    "total": 2}}  # fmt: skip
# As sensors tell (NGSI-LD): names that are addresses, values that are one thing or another, a context that is a list of both.
SENSOR = {"@context": ["https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context.jsonld", {"owner": f"https://owner.test/{SECRET}"}],
          "id": "urn:ngsi-ld:AirQualityObserved:1", "type": "AirQualityObserved",
          NAME: [{"type": "Property", "value": 22.5, "unitCode": "GQ", "observedAt": "2026-11-29T08:00:00Z", "datasetId": SECRET},
                 {"type": "Property", "value": {"@value": SECRET}}],
          "location": {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [4.9, 52.3]}},
          "refDevice": {"type": "Relationship", "object": f"urn:ngsi-ld:Device:{SECRET}"}}  # fmt: skip
# As wage and benefit notices: large numbers, amounts in cents, and by period under names that are not fixed.
INCOMES = {"loonheffingsnummer": "123456789L01", "perTijdvak": {"2026-01": {"svLoon": BIG, "uren": 1.5e2, "naam": SECRET},
                                                               "2026-02": {"svLoon": 0, "uren": 80.5}, SECRET: {"svLoon": 1}},
           "codes": {"000": SECRET}}  # fmt: skip


def nested(depth, value):
    return value if depth == 0 else {"n": nested(depth - 1, value), "other": SECRET}


FEATURES = {"type": "FeatureCollection", "numberReturned": 10_000, "links": [{"rel": "next", "href": f"https://f.test/?{SECRET}"}],
            "features": [{"type": "Feature", "id": number, "geometry": {"type": "Point", "coordinates": [4.5 + number / 1e5, 52.1]},
                          "properties": {"klasse": "A" if number % 3 else None, "bewoner": f"{SECRET}-{number}"}}
                         for number in range(10_000)]}  # fmt: skip

FORMS = {
    "kvk": (COMPANY, "$", {"$.kvkNummer": "string", "$.sbiActiviteiten[*].sbiCode": "string", "$.totaalWerkzamePersonen": "integer",
                           "$._embedded.hoofdvestiging.adressen[*].postcode": "string", "$._embedded.eigenaar.rechtsvorm": "string"}),
    "bag": (ADDRESSES, "$._embedded.adressen[*]", {
        "$._embedded.adressen[*].huisnummer": "integer", "$._embedded.adressen[*].pandIdentificaties[*]": "string",
        "$._embedded.adressen[*]._embedded.adresseerbaarObject.verblijfsobject.geometrie.punt.coordinates[*]": "number"}),
    "rdw": (VEHICLES, "$[*]", {"$[*].kenteken": "string", "$[*].aantal_zitplaatsen": "string", "$[*][':updated_at']": "string"}),
    "duo": (SCHOOLS, "$.result.records[*]", {"$.result.records[*]['INSTELLINGSNAAM VESTIGING']": "string",
                                             "$.result.records[*]['AANTAL LEERLINGEN']": "integer"}),
    "ngsi": (SENSOR, "$", {"$['@context'][*]": "string", "$.type": "string", f"$['{NAME}'][*].value": "number",
                           f"$['{NAME}'][*].unitCode": "string", "$.location.value.coordinates[*]": "number"}),
    "uwv": (INCOMES, "$", {"$.perTijdvak['2026-01'].svLoon": "integer", "$.perTijdvak['2026-01'].uren": "number",
                           "$.perTijdvak['2026-02'].uren": "number"}),
    "deep": (nested(DEEP, 7), "$", {"$" + ".n" * DEEP: "integer"}),
    "features": (FEATURES, "$.features[*]", {"$.features[*].id": "integer", "$.features[*].geometry.coordinates[*]": "number",
                                             "$.features[*].properties.klasse": "string"}),
}  # fmt: skip

SEARCH = {"$.type": "string", "$.burgerservicenummer[*]": "string", "$.fields[*]": "string"}
FOUND = {"$.type": "string", "$.personen[*].geboorte.datum.jaar": "integer", "$.personen[*].geboorte.datum.onbekend": "boolean",
         "$.personen[*].geboorte.datum.datum": "string"}  # fmt: skip
DATES = [{"type": "Datum", "datum": "1950-03-01", "langFormaat": SECRET}, {"type": "JaarDatum", "jaar": 1951},
         {"type": "DatumOnbekend", "onbekend": True}, SECRET]  # fmt: skip
PEOPLE = {"type": "RaadpleegMetBurgerservicenummer",
          "personen": [{"burgerservicenummer": BSN, "naam": {"voornamen": SECRET}, "geboorte": {"datum": date}} for date in DATES]}  # fmt: skip

# As the register of persons describes itself: a request and an answer that are one kind or another, by `type`.
OPENAPI = {
    "openapi": "3.0.3", "info": {"title": "Personen", "version": "2"},
    "paths": {"/personen": {"post": {
        "operationId": "Personen",
        "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/PersonenQuery"}}}},
        "responses": {"200": {"description": "ok", "content": {"application/json": {"schema": {
            "$ref": "#/components/schemas/PersonenQueryResponse"}}}}}}}},
    "components": {"schemas": {
        "PersonenQuery": {
            "type": "object", "required": ["type", "fields"], "discriminator": {"propertyName": "type", "mapping": {
                "RaadpleegMetBurgerservicenummer": "RaadpleegMetBurgerservicenummer"}},
            "properties": {"type": {"type": "string"}, "fields": {"type": "array", "items": {"type": "string"}},
                           "gemeenteVanInschrijving": {"type": "string"}},
            "oneOf": [{"$ref": "#/components/schemas/RaadpleegMetBurgerservicenummer"},
                      {"$ref": "#/components/schemas/ZoekMetNaam"}]},
        "RaadpleegMetBurgerservicenummer": {"type": "object", "properties": {
            "burgerservicenummer": {"type": "array", "items": {"type": "string"}}}},
        "ZoekMetNaam": {"type": "object", "properties": {"geslachtsnaam": {"type": "string"}}},
        "PersonenQueryResponse": {"oneOf": [{"type": "object", "properties": {
            "type": {"type": "string"}, "personen": {"type": "array", "items": {"$ref": "#/components/schemas/Persoon"}}}}]},
        "Persoon": {"type": "object", "properties": {
            "burgerservicenummer": {"type": "string"},
            "naam": {"type": "object", "properties": {"voornamen": {"type": "string"}}},
            "geboorte": {"type": "object", "properties": {"datum": {"$ref": "#/components/schemas/AbstractDatum"}}}}},
        "AbstractDatum": {"oneOf": [
            {"type": "object", "properties": {"type": {"type": "string"}, "datum": {"type": "string", "format": "date"}}},
            {"type": "object", "properties": {"type": {"type": "string"}, "jaar": {"type": "integer"}}},
            {"type": "object", "properties": {"type": {"type": "string"}, "onbekend": {"type": "boolean"}}}]},
    }},
}  # fmt: skip


def described(binary, kind, text, *more):
    command = [binary, "--data", "/nonexistent", "description", "import", kind, "-", "--service", SERVICE, *more]
    done = subprocess.run(command, input=json.dumps(text), capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    (made,) = json.loads(done.stdout)["operations"]
    return made


@pytest.mark.parametrize("name", FORMS)
def test_each_form_is_described_from_a_sample(world, name):
    """What is agreed on stands in the description by the same path. Where a name may be data itself (a space, an address, a
    period) the description has what it stands in and no name within, since a sample could tell of somebody by it."""
    sample, _, paths = FORMS[name]
    made = described(world.binary, "sample", sample, "--operation", f"GET /{name}/{{person}}")
    known = {each["path"]: each["type"] for each in made["elements"]}
    for path, kind in paths.items():
        # Of several types a person decides.
        as_said = known.get(path) in (kind, "TO BE DECIDED") or "number" in (kind, known.get(path))
        within = [each for each in known if path.startswith(each) and known[each] == "subtree"]
        assert as_said or (name in ("duo", "ngsi", "uwv") and within), (path, known)
    assert SECRET not in str(known)


def test_a_body_of_one_kind_or_another_is_described_from_openapi(world):
    made = described(world.binary, "openapi", OPENAPI)
    assert {each["path"]: each["type"] for each in made["elements"]}.items() >= FOUND.items()
    assert {each["path"]: each["type"] for each in made["request"]["elements"]}.items() >= SEARCH.items()
    assert (made["method"], made["record"]) == ("POST", "$.personen[*]")


@pytest.fixture(scope="module")
def working(consumer, provider, folder, token, source):
    content = document(provider.node, consumer.node)
    base = content["clauses"][0]["operations"][0]
    made = [agreed_on(base, name, record, paths) for name, (_, record, paths) in FORMS.items()]
    body = [{**element(path, kind, "personal"), **({"identifies": "national_number"} if "burger" in path else {})}
            for path, kind in SEARCH.items()]  # fmt: skip
    request = {"content_type": "application/json", "elements": body}
    made.append(agreed_on(base, "personen", "$.personen[*]", FOUND, method="POST", request=request))
    content["clauses"][0]["operations"] = made
    conclude(consumer, provider, consumer.drafts(content, folder))
    says(source, {})
    eventually(lambda: consumer.node.outway(f"/{SERVICE}/kvk/{BSN}", token).status == 200, "an answer under the agreement", 60)


def says(source, sample):
    body = json.dumps(sample).encode()
    source.respond = lambda request: Reply(200, body, {"Content-Type": "application/json"})


@pytest.mark.parametrize("name", FORMS)
def test_what_is_agreed_arrives_and_nothing_else_is_on_the_wire(consumer, provider, authority, token, working, source, name):
    sample, _, paths = FORMS[name]
    says(source, sample)
    assert SECRET.encode() not in Wire(consumer, provider, authority).send("GET", f"/{name}/{BSN}")
    answer = consumer.node.outway(f"/{SERVICE}/{name}/{BSN}", token)
    assert (answer.status, answer.json()) == (200, projected(sample, paths)), answer.status


def test_what_projects_is_not_empty():
    """The second reading finds what was agreed; else both could agree on nothing."""
    assert projected(COMPANY, FORMS["kvk"][2])["_embedded"] == {
        "hoofdvestiging": {"adressen": [{"postcode": "1234AB"}]}, "eigenaar": {"rechtsvorm": "BV"}}  # fmt: skip
    assert projected(VEHICLES, FORMS["rdw"][2])[1] == {"kenteken": "CC22DD"}
    assert projected(SENSOR, FORMS["ngsi"][2])[NAME] == [{"value": 22.5, "unitCode": "GQ"}, {}]
    assert projected(SENSOR, FORMS["ngsi"][2])["@context"][1] is None
    assert projected(INCOMES, FORMS["uwv"][2])["perTijdvak"]["2026-01"] == {"svLoon": BIG, "uren": 150.0}


def test_of_a_body_of_one_kind_only_what_is_agreed_is_asked(consumer, token, working, source):
    says(source, PEOPLE)
    asked = {"type": "RaadpleegMetBurgerservicenummer", "burgerservicenummer": [BSN], "fields": ["geboorte"],
             "gemeenteVanInschrijving": SECRET, "geslachtsnaam": SECRET}  # fmt: skip
    source.forget()
    answer = consumer.node.outway(f"/{SERVICE}/personen/{BSN}", token, method="POST", body=json.dumps(asked).encode(),
                                  headers={"Content-Type": "application/json"})  # fmt: skip
    (received,) = source.received()
    assert received.json() == {name: asked[name] for name in ("type", "burgerservicenummer", "fields")}
    assert (answer.status, answer.json()) == (200, projected(PEOPLE, FOUND)) and SECRET not in answer.body.decode(), answer
    told = [each["geboorte"] for each in answer.json()["personen"]]
    assert told == [{"datum": {"datum": "1950-03-01"}}, {"datum": {"jaar": 1951}}, {"datum": {"onbekend": True}}, {}]
