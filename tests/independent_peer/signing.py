"""Identity from certificates, thumbprints, JSON Web Signatures and JSON Web Keys (Core 4.1.3, 4.1.6.2, 4.2.3, 4.4.1.4)."""

import base64
import binascii
import datetime
import hashlib
import json

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.x509.oid import NameOID

from .authority import Credential

RSA_ALGORITHMS = {"RS256": hashes.SHA256, "RS384": hashes.SHA384, "RS512": hashes.SHA512}
# RFC 7518 section 3.4 binds each ES algorithm to one curve.
EC_ALGORITHMS = {
    "ES256": (hashes.SHA256, "secp256r1", 32),
    "ES384": (hashes.SHA384, "secp384r1", 48),
    "ES512": (hashes.SHA512, "secp521r1", 66),
}
CURVE_NAMES = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}
MAXIMUM_CHAIN = 5


class UnknownAlgorithm(Exception):
    """The `alg` of a signature is none of the six that Core 4.2.3 and 4.3 allow."""


class SignatureInvalid(Exception):
    """The signature is no JWS in compact form, or does not verify."""


class CertificateInvalid(Exception):
    """The certificate does not chain to a trust anchor, is not valid now, or does not identify a peer."""


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def base64url_decode(text: str) -> bytes:
    """Strict: no padding, no foreign characters (RFC 7515 section 2)."""
    try:
        raw = text.encode("ascii")
        data = base64.b64decode(raw + b"=" * (-len(raw) % 4), altchars=b"-_", validate=True)
    except (UnicodeEncodeError, binascii.Error) as error:
        raise SignatureInvalid("not base64url") from error
    if base64url(data) != text:
        raise SignatureInvalid("not canonical base64url")
    return data


def peer_id(certificate: x509.Certificate) -> str:
    return _single(certificate, NameOID.SERIAL_NUMBER, "serialNumber")


def peer_name(certificate: x509.Certificate) -> str:
    return _single(certificate, NameOID.ORGANIZATION_NAME, "organizationName")


def _single(certificate, oid, label) -> str:
    values = [attribute.value for attribute in certificate.subject.get_attributes_for_oid(oid)]
    if len(values) != 1 or not 3 <= len(values[0]) <= 255:
        raise CertificateInvalid(f"the subject must have exactly one {label} of 3 to 255 characters")
    return values[0]


def host_names(certificate: x509.Certificate) -> list[str]:
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return []
    return extension.value.get_values_for_type(x509.DNSName)


def certificate_thumbprint(certificate: x509.Certificate) -> str:
    """RFC 7515 section 4.1.8: base64url of the SHA-256 digest of the DER encoding."""
    return base64url(hashlib.sha256(certificate.public_bytes(serialization.Encoding.DER)).digest())


def public_key_thumbprint(certificate: x509.Certificate) -> str:
    """Hexadecimal SHA-256 digest of the SubjectPublicKeyInfo; stays the same when a certificate is renewed."""
    encoded = certificate.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return hashlib.sha256(encoded).hexdigest()


def verify_chain(chain: list[x509.Certificate], anchors: list[x509.Certificate]) -> None:
    """Each certificate is valid now and issued by the next; the last is issued by an anchor."""
    now = datetime.datetime.now(datetime.timezone.utc)
    if not 0 < len(chain) <= MAXIMUM_CHAIN:
        raise CertificateInvalid("the chain is empty or too long")
    for position, certificate in enumerate(chain):
        if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
            raise CertificateInvalid("a certificate is not valid now")
        issuers = chain[position + 1 : position + 2] or anchors
        if not any(_issued_by(certificate, issuer) for issuer in issuers):
            raise CertificateInvalid("the chain does not end in a trust anchor of the group")


def _issued_by(certificate, issuer) -> bool:
    try:
        if not issuer.extensions.get_extension_for_class(x509.BasicConstraints).value.ca:
            return False
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
        return False
    return True


def default_algorithm(key) -> str:
    if isinstance(key, rsa.RSAPrivateKey):
        return "RS256"
    return next(name for name, (_, curve, _) in EC_ALGORITHMS.items() if curve == key.curve.name)


def sign(payload: dict, credential: Credential, algorithm: str | None = None) -> str:
    """JWS Compact Serialization with `alg` and `x5t#S256` in the header (Core 4.2.3 and 4.3)."""
    algorithm = algorithm or default_algorithm(credential.key)
    header = {"alg": algorithm, "x5t#S256": certificate_thumbprint(credential.certificate)}
    parts = [base64url(json.dumps(part, separators=(",", ":")).encode()) for part in (header, payload)]
    signed = ".".join(parts).encode()
    if algorithm in RSA_ALGORITHMS:
        signature = credential.key.sign(signed, padding.PKCS1v15(), RSA_ALGORITHMS[algorithm]())
    else:
        digest, _, size = EC_ALGORITHMS[algorithm]
        r, s = decode_dss_signature(credential.key.sign(signed, ec.ECDSA(digest())))
        signature = r.to_bytes(size, "big") + s.to_bytes(size, "big")
    return f"{parts[0]}.{parts[1]}.{base64url(signature)}"


def parse(token: str) -> tuple[dict, dict]:
    """Header and payload, unverified; raises on anything but the compact form with an allowed algorithm."""
    parts = token.split(".")
    if len(parts) != 3:
        raise SignatureInvalid("not a compact JWS")
    try:
        header, payload = (json.loads(base64url_decode(part)) for part in parts[:2])
    except (ValueError, RecursionError) as error:
        raise SignatureInvalid("not a compact JWS") from error
    if not isinstance(header, dict) or not isinstance(payload, dict) or "crit" in header:
        raise SignatureInvalid("not a compact JWS")
    if header.get("alg") not in RSA_ALGORITHMS and header.get("alg") not in EC_ALGORITHMS:
        raise UnknownAlgorithm(f"algorithm {header.get('alg')!r} is not allowed")
    if not isinstance(header.get("x5t#S256"), str):
        raise SignatureInvalid("the header has no x5t#S256")
    return header, payload


def verify(token: str, certificate: x509.Certificate) -> dict:
    """The payload, once the signature is proven to be of `certificate`'s key."""
    header, payload = parse(token)
    if header["x5t#S256"] != certificate_thumbprint(certificate):
        raise SignatureInvalid("the thumbprint is of another certificate")
    signed, _, encoded = token.rpartition(".")
    signature, key, algorithm = base64url_decode(encoded), certificate.public_key(), header["alg"]
    try:
        if algorithm in RSA_ALGORITHMS:
            if not isinstance(key, rsa.RSAPublicKey):
                raise SignatureInvalid("the algorithm does not fit the key")
            key.verify(signature, signed.encode(), padding.PKCS1v15(), RSA_ALGORITHMS[algorithm]())
        else:
            digest, curve, size = EC_ALGORITHMS[algorithm]
            if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name != curve:
                raise SignatureInvalid("the algorithm does not fit the key")
            if len(signature) != 2 * size:
                raise SignatureInvalid("the signature has the wrong length")
            r, s = (int.from_bytes(half, "big") for half in (signature[:size], signature[size:]))
            key.verify(encode_dss_signature(r, s), signed.encode(), ec.ECDSA(digest()))
    except InvalidSignature as error:
        raise SignatureInvalid("the signature does not verify") from error
    return payload


def to_jwk(credential: Credential) -> dict:
    """RFC 7517 and RFC 7518 section 6, with the certificate chain without the root (Core 4.4.1.4)."""
    key = credential.certificate.public_key()
    encoded = [
        base64.b64encode(certificate.public_bytes(serialization.Encoding.DER)).decode()
        for certificate in credential.chain
    ]
    member = {"use": "sig", "x5c": encoded, "x5t#S256": certificate_thumbprint(credential.certificate)}
    if isinstance(key, rsa.RSAPublicKey):
        numbers = key.public_numbers()
        unsigned = [number.to_bytes((number.bit_length() + 7) // 8, "big") for number in (numbers.n, numbers.e)]
        return {"kty": "RSA", "n": base64url(unsigned[0]), "e": base64url(unsigned[1]), **member}
    numbers, size = key.public_numbers(), (key.curve.key_size + 7) // 8
    x, y = (base64url(number.to_bytes(size, "big")) for number in (numbers.x, numbers.y))
    return {"kty": "EC", "crv": CURVE_NAMES[key.curve.name], "x": x, "y": y, **member}


def from_jwk(jwk: dict) -> list[x509.Certificate]:
    """The chain of a key; the key members must be those of the first certificate (RFC 7517 section 4.7)."""
    try:
        chain = [x509.load_der_x509_certificate(base64.b64decode(entry, validate=True)) for entry in jwk["x5c"]]
        own = to_jwk(Credential(None, tuple(chain)))
    except (KeyError, ValueError, TypeError, IndexError) as error:
        raise CertificateInvalid("a key has no certificate chain") from error
    for member in ("kty", "n", "e", "crv", "x", "y"):
        if jwk.get(member) != own.get(member):
            raise CertificateInvalid(f"member {member} of a key is not that of its certificate")
    if jwk.get("x5t#S256", jwk.get("x5t#s256", own["x5t#S256"])) != own["x5t#S256"]:
        raise CertificateInvalid("the thumbprint of a key is not that of its certificate")
    return chain
