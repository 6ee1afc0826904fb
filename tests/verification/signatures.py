"""JSON Web Signatures (RFC 7515) and certificates (RFC 5280), as far as a verifier of evidence needs them."""

import base64
import binascii
import contextlib
import datetime
import hashlib
import json

import rfc8785
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from cryptography.x509.oid import NameOID

DIGESTS = {"256": hashes.SHA256, "384": hashes.SHA384, "512": hashes.SHA512}
CURVES = {"ES256": "secp256r1", "ES384": "secp384r1", "ES512": "secp521r1"}
DEEPEST_CHAIN = LONGEST_CHAIN = 8


class Wrong(ValueError):
    """What was signed, or by whom, is not as it must be."""


def base64url(raw):
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def unbase64url(text):
    if not isinstance(text, str) or "=" in text:
        raise Wrong("not base64url")
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (ValueError, binascii.Error) as error:
        raise Wrong(f"not base64url: {error}") from error
    if base64url(raw) != text:
        raise Wrong("base64url with bits left over")
    return raw


def object_of(text):
    """A JSON object, no member of which stands there twice."""

    def once(pairs):
        if len(dict(pairs)) != len(pairs):
            raise Wrong("a member stands there twice")
        return dict(pairs)

    def no_such_number(name):
        raise Wrong(f"{name} is no JSON")

    try:
        found = json.loads(text, object_pairs_hook=once, parse_constant=no_such_number)
    except (ValueError, RecursionError) as error:
        raise Wrong(f"not JSON: {error}") from error
    if not isinstance(found, dict):
        raise Wrong("not a JSON object")
    try:
        json.dumps(found, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise Wrong("half a character") from error
    return found


def verify(key, algorithm, signed, signature):
    """Raises unless the signature over these bytes is by this key."""
    digest = DIGESTS[algorithm[2:]]()
    try:
        if algorithm.startswith("RS") and isinstance(key, rsa.RSAPublicKey) and key.key_size >= 2048:
            return key.verify(signature, signed, padding.PKCS1v15(), digest)
        if algorithm.startswith("ES") and isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name == CURVES[algorithm]:
            half = (key.curve.key_size + 7) // 8
            if len(signature) != 2 * half:
                raise Wrong("the signature has the wrong length")
            pair = (int.from_bytes(signature[:half], "big"), int.from_bytes(signature[half:], "big"))
            return key.verify(utils.encode_dss_signature(*pair), signed, ec.ECDSA(digest))
    except (InvalidSignature, ValueError) as error:
        raise Wrong("the signature is wrong") from error
    raise Wrong("the algorithm does not go with the key")


def algorithm_of(header):
    found = header.get("alg")
    if found not in ("RS256", "RS384", "RS512", *CURVES):
        raise Wrong("the algorithm is not one that is used here")
    if "crit" in header or "b64" in header:
        raise Wrong("the header demands what is not known")
    return found


def payload_by_certificate(token, certificate):
    """The payload of a compact JWS that this certificate signed, and its bytes."""
    parts = token.split(".") if isinstance(token, str) else []
    if len(parts) != 3:
        raise Wrong("not a compact JWS")
    header = object_of(unbase64url(parts[0]))
    thumbprint = hashlib.sha256(certificate.public_bytes(serialization.Encoding.DER)).digest()
    if unbase64url(header.get("x5t#S256", header.get("x5t#s256"))) != thumbprint:
        raise Wrong("the JWS names another certificate")
    verify(certificate.public_key(), algorithm_of(header), f"{parts[0]}.{parts[1]}".encode(), unbase64url(parts[2]))
    raw = unbase64url(parts[1])
    return object_of(raw), raw


def signed_by_certificate(token, certificate):
    """The payload of a compact JWS that this certificate signed, as canonical JSON."""
    payload, raw = payload_by_certificate(token, certificate)
    try:
        canonical = rfc8785.dumps(payload)
    except rfc8785.CanonicalizationError as error:
        raise Wrong("the payload has no canonical form") from error
    if canonical != raw:
        raise Wrong("the payload is not canonical")
    return payload


def thumbprint_of(key):
    """RFC 7638."""
    numbers = key.public_numbers()

    def encoded(number, width):
        return base64url(number.to_bytes(width, "big"))

    if isinstance(key, rsa.RSAPublicKey):
        jwk = {"e": encoded(numbers.e, (numbers.e.bit_length() + 7) // 8), "kty": "RSA", "n": encoded(numbers.n, (key.key_size + 7) // 8)}
    else:
        width = (key.curve.key_size + 7) // 8
        jwk = {"crv": f"P-{key.curve.key_size}", "kty": "EC", "x": encoded(numbers.x, width), "y": encoded(numbers.y, width)}
    return hashlib.sha256(rfc8785.dumps(jwk)).digest()


def signed_by_person(token, encoded_key, document, typ):
    """Verifies a person's detached JWS (RFC 7515 appendix F) over a document; gives when it was signed, in seconds."""
    parts = token.split(".") if isinstance(token, str) else []
    if len(parts) != 3 or parts[1]:
        raise Wrong("not a detached JWS")
    header = object_of(unbase64url(parts[0]))
    try:
        key = serialization.load_der_public_key(unbase64url(encoded_key))
    except (ValueError, UnsupportedAlgorithm) as error:
        raise Wrong("not a public key") from error
    if header.get("typ") != typ or not isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
        raise Wrong("it signs something else")
    if unbase64url(header.get("kid")) != thumbprint_of(key):
        raise Wrong("the signature names another key")
    verify(key, algorithm_of(header), f"{parts[0]}.{base64url(document)}".encode(), unbase64url(parts[2]))
    if type(header.get("iat")) is not int:
        raise Wrong("the signature does not say when it was made")
    return header["iat"]


def place_of(text, wanted):
    """Where the value of a member of a JSON object stands in its text; None when there is no such member."""
    decoder, at = json.JSONDecoder(), text.index("{") + 1
    while True:
        at += len(text[at:]) - len(text[at:].lstrip(" \t\r\n,"))
        if text[at] == "}":
            return None
        name, at = decoder.raw_decode(text, at)
        begin = text.index(":", at) + 1
        begin += len(text[begin:]) - len(text[begin:].lstrip(" \t\r\n"))
        _, at = decoder.raw_decode(text, begin)
        if name == wanted:
            return begin, at


def certificates(encoded):
    """A certificate, and others that help to find its way, from DER in base64url. Of these, what cannot be read helps nobody."""
    if not isinstance(encoded, list) or not 0 < len(encoded) <= LONGEST_CHAIN:
        raise Wrong("no certificates, or too many")
    found = [certificate(encoded[0])]
    for each in encoded[1:]:
        with contextlib.suppress(Wrong):
            found.append(certificate(each))
    return found


def certificate(encoded):
    try:
        found = x509.load_der_x509_certificate(unbase64url(encoded))
        found.public_key(), found.extensions, found.subject  # what is wrong in one of these shows here, and not later
        return found
    except (ValueError, UnsupportedAlgorithm, x509.InvalidVersion, x509.DuplicateExtension, x509.UnsupportedGeneralNameType) as error:
        raise Wrong("not a certificate") from error


def participant_of(certificate):
    numbers = certificate.subject.get_attributes_for_oid(NameOID.SERIAL_NUMBER)
    return f"oin:{numbers[0].value}" if len(numbers) == 1 else None


def ways(certificate, others, anchors, milliseconds, depth=0):
    """Ways of certificates, each valid at the time, from this one to an anchor (RFC 5280 section 6): lists of (certificate, issuer)."""
    try:
        time = datetime.datetime.fromtimestamp(milliseconds / 1000, datetime.UTC)
    except (ValueError, OverflowError, OSError):
        return
    if depth > DEEPEST_CHAIN or not certificate.not_valid_before_utc <= time <= certificate.not_valid_after_utc:
        return

    def issued_by(issuer):
        if issuer.subject != certificate.issuer or not may_issue(issuer):
            return False
        try:
            certificate.verify_directly_issued_by(issuer)
        except (InvalidSignature, ValueError, TypeError):
            return False
        return True

    yield from ([(certificate, each)] for each in anchors if issued_by(each))
    for each in others:
        if each != certificate and issued_by(each):
            yield from ([(certificate, each), *rest] for rest in ways(each, others, anchors, milliseconds, depth + 1))


def may_issue(certificate):
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (x509.ExtensionNotFound, ValueError):
        return False
