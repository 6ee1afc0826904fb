"""Certificates that were revoked, and the lists that say so."""

import base64
import textwrap

from cryptography import x509

from .. import evidence, note
from ..authority import Authority, der
from ..journal import DAY
from .keys import first_key
from .making import HOUR, Given, alone, case, flipped, line_of, without

POINT = [x509.UniformResourceIdentifier("http://crl.voorbeeld.test/1.crl")]


def revoked(world, *entries, **more):
    """Both parties hold lists that name these: (certificate, when, since when it is invalid or None)."""
    for each in world.both:
        each.journal.revocation_lists = world.authority.lists(entries, **more)


def certificate_of(organisation):
    return organisation.identity.chain[0]


def signed_at(world):
    """After the agreement was signed, and before anything else."""
    world.on(HOUR)
    return world.now


def pem(raw):
    lines = "\n".join(textwrap.wrap(base64.b64encode(raw).decode(), 64))
    return f"-----BEGIN X509 CRL-----\n{lines}\n-----END X509 CRL-----\n"


@case("P:CERTIFICATE_REVOKED", notes="ONE_SIDE")
def certificate_revoked_before_it_signed(world):
    revoked(world, (certificate_of(world.consumer), world.now - 2 * DAY, None))
    return alone(world.busy(3))


@case("P:CERTIFICATE_REVOKED", notes="ONE_SIDE")
def certificate_invalid_since_before_it_signed(world):
    """A compromise that was found afterwards."""
    revoked(world, (certificate_of(world.consumer), world.now + 9 * DAY, world.now - 2 * DAY))
    return alone(world.busy(3))


@case("P:CERTIFICATE_REVOKED", notes="ONE_SIDE")
def certificate_revoked_before_it_signed_and_invalid_since_later(world):
    revoked(world, (certificate_of(world.consumer), world.now - 2 * DAY, world.now + DAY))
    return alone(world.busy(3))


@case("P:CERTIFICATE_REVOKED", notes="ONE_SIDE")
def issuing_authority_revoked(world):
    revoked(world, (world.authority.intermediate, world.now - 2 * DAY, None))
    return alone(world.busy(3))


@case("P:CERTIFICATE_REVOKED", notes="ONE_SIDE")
def journal_key_under_a_revoked_certificate(world):
    """Another certificate of the same participant was revoked; only the key of the journal rests on it."""
    identity = world.authority.issue(world.provider.oin, world.provider.host)
    revoked(world, (identity.chain[0], world.now - DAY, None))
    return first_key(world, identity=identity)


@case("P:CERTIFICATE_REVOKED", "C:CERTIFICATE_REVOKED")
def certificate_revoked_by_a_list_of_the_other_party(world):
    """Lists count for all evidence, whoever brings them."""
    identity = world.authority.issue(world.provider.oin, world.provider.host)
    first_key(world, identity=identity)
    world.consumer.journal.revocation_lists = world.authority.lists([(identity.chain[0], world.now - DAY, None)])


@case("C:CERTIFICATE_REVOKED")
def half_told_under_a_revoked_certificate(world):
    world.busy(4)
    transaction = world.exchange(world.agreement)
    world.busy(4)
    kept, world.consumer.identity = world.consumer.identity, world.authority.issue(world.consumer.oin, world.consumer.host)
    revoked(world, (certificate_of(world.consumer), world.now - DAY, None))
    own = evidence.of_exchange(world.provider.journal, transaction, world.agreements)
    theirs = evidence.of_half(world.consumer, world.provider.participant, transaction, world.agreements)
    world.consumer.identity = kept
    return [*own, *theirs]


def witnessed_by_a_key_of(world, identity, **wrong):
    """The consumer writes down a checkpoint of the provider by a key of its own, which the provider states by this identity."""
    world.busy(3)
    origin, key, now = world.provider.journal.origin, world.consumer.journal.key, world.on()
    verifier_key = str(note.VerifierKey.of(origin, key))
    statement = {"at": now, "format": "verbond-journal-key/1", "origin": origin, "participant": world.provider.participant,
                 "verifier_key": verifier_key, **wrong}  # fmt: skip
    made = {"kind": "witness", "counterpart": world.provider.participant, "note": note.checkpoint(origin, 3, bytes(32), key),
            "verifier_key": verifier_key, "key": identity.states(statement)}  # fmt: skip
    world.consumer.journal.append("witness", made, now)
    world.busy(3)


@case("C:CERTIFICATE_REVOKED")
def witnessed_key_under_a_revoked_certificate(world):
    identity = world.authority.issue(world.provider.oin, world.provider.host)
    revoked(world, (identity.chain[0], world.now - DAY, None))
    witnessed_by_a_key_of(world, identity)


@case("C:CERTIFICATE")
def witnessed_key_under_the_certificate_of_another(world):
    witnessed_by_a_key_of(world, world.consumer.identity)


@case("C:JOURNAL_KEY")
def witnessed_key_another_than_stated(world):
    witnessed_by_a_key_of(world, world.provider.identity, origin=world.consumer.journal.origin)


@case()
def clean_with_certificate_revoked_afterwards(world):
    world.busy(3)
    revoked(world, (certificate_of(world.consumer), signed_at(world), None))


@case()
def clean_with_certificate_invalid_since_afterwards(world):
    world.busy(3)
    revoked(world, (certificate_of(world.consumer), world.now + 9 * DAY, signed_at(world)))


@case()
def clean_with_another_certificate_revoked(world):
    world.busy(3)
    revoked(world, (world.authority.issue("00000099000000030000", "derde.test").chain[0], world.now - 2 * DAY, None))


@case(notes="REVOCATION_UNKNOWN")
def clean_without_lists_of_revoked_certificates(world):
    for each in world.busy(3).both:
        each.journal.revocation_lists = []


@case(notes="REVOCATION_UNKNOWN")
def clean_with_lists_that_had_ended(world):
    revoked(world.busy(3), begin=world.now - 9 * DAY, end=world.now - 8 * DAY)


@case()
def clean_with_lists_that_are_made_afterwards(world):
    revoked(world.busy(3), begin=world.now + 9 * DAY, end=world.now + 10 * DAY)


@case(notes="REVOCATION_UNKNOWN")
def clean_with_lists_that_are_made_after_a_certificate_ended(world):
    """An issuer may have left it out by then."""
    world.provider.identity = world.authority.issue(world.provider.oin, world.provider.host, end=world.now + 2 * HOUR)
    world.agreements = [world.version(1).conclude(world.provider, world.consumer, world.on())]
    world.on(HOUR)
    world.busy(3)
    revoked(world, begin=world.now + DAY)


@case()
def clean_with_lists_of_others(world):
    """An authority that nobody here has a certificate of."""
    other = Authority(world.chance, "Elders", begin=world.authority.begin)
    world.provider.journal.revocation_lists += other.lists()
    world.busy(3)


@case("P:CERTIFICATE_REVOKED", "C:CERTIFICATE_REVOKED")
def certificate_revoked_by_the_list_that_the_verifier_has(world):
    identity = world.authority.issue(world.provider.oin, world.provider.host)
    first_key(world, identity=identity)
    return Given([world.lines()], lists=[world.authority.lists([(identity.chain[0], world.now - DAY, None)])[1]])


@case("P:CERTIFICATE_REVOKED", "C:CERTIFICATE_REVOKED")
def certificate_revoked_by_one_of_several_lists_in_a_file(world):
    identity = world.authority.issue(world.provider.oin, world.provider.host)
    first_key(world, identity=identity)
    made = world.authority.lists([(identity.chain[0], world.now - DAY, None)])
    return Given([world.lines()], lists=["".join(map(pem, made))])


@case()
def clean_with_lists_of_the_verifier_only(world):
    world.busy(3)
    for each in world.both:
        each.journal.revocation_lists = []
    return Given([world.lines()], lists=[*world.authority.lists()])


@case()
def clean_with_lists_of_earlier_evidence(world):
    """What issuers left out since, an earlier day's evidence still shows."""
    world.busy(3)
    earlier = world.lines()
    for each in world.both:
        each.journal.revocation_lists = []
    world.on(HOUR)
    world.busy(3)
    return Given([world.lines()], [earlier])


@case(outcome="unreadable")
def list_of_the_verifier_that_cannot_be_read(world):
    return Given([alone(world.busy(3))], lists=["no list"])


@case("P:REVOCATION_LIST")
def list_not_signed_by_its_issuer(world):
    """Somebody without the issuer's key would have it that nothing was revoked."""
    good = world.provider.journal.revocation_lists
    forged = world.authority.revocation_list(world.authority.name, world.authority.key, signer=world.provider.identity.key)
    world.provider.journal.revocation_lists = [good[0], der(forged)]
    world.busy(3)


@case("P:CERTIFICATE_REVOKED", "P:REVOCATION_LIST", notes="ONE_SIDE")
def forged_list_beside_one_that_names_the_certificate(world):
    revoked(world, (certificate_of(world.consumer), world.now - 2 * DAY, None))
    forged = world.authority.revocation_list(world.authority.name, world.authority.key, signer=world.consumer.identity.key)
    world.provider.journal.revocation_lists.append(der(forged))
    return alone(world.busy(3))


@case(":REVOCATION_LIST")
def list_of_the_verifier_not_signed_by_its_issuer(world):
    forged = world.authority.revocation_list(world.authority.name, world.authority.key, signer=world.consumer.identity.key)
    return Given([world.busy(3).lines()], lists=[der(forged)])


@case("P:REVOCATION_LIST", notes="ONE_SIDE")
def list_that_cannot_be_read(world):
    world.provider.journal.revocation_lists.append(b"no list")
    return alone(world.busy(3))


@case("P:REVOCATION_LIST", notes="ONE_SIDE")
def list_flipped(world):
    lines = alone(world.busy(3))
    line = line_of(lines, "revocation_list", 1)
    line["der"] = flipped(line["der"])
    return lines


@case()
def clean_with_list_of_a_distribution_point(world):
    world.provider.identity = world.authority.issue(world.provider.oin, world.provider.host, points=POINT)
    world.consumer.identity = world.authority.issue(world.consumer.oin, world.consumer.host, points=POINT)
    for each in world.both:
        each.journal.checkpoint(world.on())
        each.journal.certify(world.now, each.identity)
    world.agreements = [world.version(1).conclude(world.provider, world.consumer, world.on())]
    world.on(HOUR)
    world.busy(3)
    for each in world.both:
        part = world.authority.revocation_list(world.authority.name, world.authority.key, points=POINT)
        each.journal.revocation_lists.append(der(part))


@case(notes="REVOCATION_UNKNOWN")
def clean_with_list_of_a_distribution_point_that_the_certificate_does_not_name(world):
    part = world.authority.revocation_list(world.authority.name, world.authority.key, points=POINT)
    for each in world.busy(3).both:
        each.journal.revocation_lists[1] = der(part)


@case("P:CERTIFICATE_REVOKED", notes="ONE_SIDE")
def certificate_revoked_by_the_list_of_a_distribution_point(world):
    """What a part of the lists names is revoked, whatever the part is of."""
    entry = (certificate_of(world.consumer), world.now - 2 * DAY, None)
    part = world.authority.revocation_list(world.authority.name, world.authority.key, [entry], points=POINT)
    world.provider.journal.revocation_lists.append(der(part))
    return alone(world.busy(3))


@case(notes="ONE_SIDE")
def clean_with_a_second_way_where_one_authority_was_revoked(world):
    """The same authority was certified twice: while one of the two stands, so do those whom it certified."""
    authority = world.authority
    second = authority.certify(authority.name, authority.key, authority.root_name, authority.root_key, authority=True)
    revoked(world, (authority.intermediate, world.now - 2 * DAY, None))
    lines = alone(world.busy(3))
    end = lines.pop()
    return without([*lines, {"type": "certificate", "der": base64.urlsafe_b64encode(der(second)).rstrip(b"=").decode()}, end])
