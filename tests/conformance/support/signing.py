"""JSON Web Signatures in compact form: contract signatures (Core 4.2.3) and access tokens (Core 4.3)."""

import base64
import hmac
import json
import time

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding

from .authority import base64url, certificate_thumbprint, unbase64url
from .hashing import content_hash

DIGESTS = {"256": hashes.SHA256, "384": hashes.SHA384, "512": hashes.SHA512}
ALGORITHMS = ("RS256", "RS384", "RS512", "ES256", "ES384", "ES512")
KEY_KINDS = {"RS256": "rsa", "RS384": "rsa", "RS512": "rsa", "ES256": "p256", "ES384": "p384", "ES512": "p521"}


def encode_part(value):
    return base64url(json.dumps(value, separators=(",", ":")).encode())


def sign_bytes(identity, algorithm, data):
    """Signs; knows more algorithms than FSC allows, so that a refusal can be provoked."""
    if algorithm == "none":
        return b""
    digest = DIGESTS[algorithm[2:]]
    if algorithm.startswith("HS"):
        return hmac.digest(identity.der, data, f"sha{algorithm[2:]}")
    if algorithm.startswith("PS"):
        return identity.key.sign(data, padding.PSS(padding.MGF1(digest()), digest().digest_size), digest())
    if algorithm.startswith("RS"):
        return identity.key.sign(data, padding.PKCS1v15(), digest())
    width = (identity.key.curve.key_size + 7) // 8
    r, s = decode_dss_signature(identity.key.sign(data, ec.ECDSA(digest())))
    return r.to_bytes(width, "big") + s.to_bytes(width, "big")


def sign(identity, payload, *, algorithm=None, header=None):
    """A compact JWS over the payload with `alg` and `x5t#S256`; `header` adds or replaces members."""
    algorithm = algorithm or identity.algorithm
    head = {"alg": algorithm, "x5t#S256": identity.certificate_thumbprint, **(header or {})}
    signed = f"{encode_part(head)}.{encode_part(payload)}"
    return f"{signed}.{base64url(sign_bytes(identity, algorithm, signed.encode()))}"


def contract_signature(identity, content, kind, *, algorithm=None, signed_hash=None, signed_at=None):
    """The signature of one peer on a contract; `kind` is accept, reject or revoke."""
    payload = {
        "contract_content_hash": signed_hash or content_hash(content),
        "type": kind,
        "signed_at": int(time.time()) if signed_at is None else signed_at,
    }
    return sign(identity, payload, algorithm=algorithm)


def parts(token):
    """Header and payload of a compact JWS, unverified."""
    head, payload, _ = token.split(".")
    return json.loads(unbase64url(head)), json.loads(unbase64url(payload))


def certificates_of(jwks):
    """The chains in a JSON Web Key Set by the thumbprint of their leaf (Core 4.4.1.4)."""
    found = {}
    for key in jwks["keys"]:
        chain = [x509.load_der_x509_certificate(base64.b64decode(each)) for each in key["x5c"]]
        found[certificate_thumbprint(chain[0].public_bytes(Encoding.DER))] = chain
    return found


def verify(token, jwks):
    """Verifies a compact JWS with the key set of the peer that signed it; answers header and payload."""
    head, payload = parts(token)
    assert head["alg"] in ALGORITHMS, f"algorithm {head['alg']} is not one of Core 4.2.3"
    chains = certificates_of(jwks)
    assert head["x5t#S256"] in chains, "the x5t#S256 of the signature is in no x5c of the key set"
    key = chains[head["x5t#S256"]][0].public_key()
    signed, _, signature = token.rpartition(".")
    raw = unbase64url(signature)
    digest = DIGESTS[head["alg"][2:]]()
    try:
        if isinstance(key, rsa.RSAPublicKey):
            assert head["alg"].startswith("RS"), "an RSA key with an algorithm that is not RS*"
            key.verify(raw, signed.encode(), padding.PKCS1v15(), digest)
        else:
            half = len(raw) // 2
            pair = encode_dss_signature(int.from_bytes(raw[:half], "big"), int.from_bytes(raw[half:], "big"))
            key.verify(pair, signed.encode(), ec.ECDSA(digest))
    except InvalidSignature:
        raise AssertionError("the signature does not verify with the key of the key set") from None
    return head, payload


def json_web_key(identity):
    """The identity's public key as a JSON Web Key with its chain, root left out (Core 4.4.1.4)."""
    key = identity.key.public_key()

    def number(value, width):
        return base64url(value.to_bytes(width, "big"))

    if isinstance(key, rsa.RSAPublicKey):
        numbers = key.public_numbers()
        members = {
            "kty": "RSA",
            "n": number(numbers.n, (key.key_size + 7) // 8),
            "e": number(numbers.e, (numbers.e.bit_length() + 7) // 8),
        }
    else:
        width = (key.curve.key_size + 7) // 8
        numbers = key.public_numbers()
        members = {
            "kty": "EC",
            "crv": {256: "P-256", 384: "P-384", 521: "P-521"}[key.curve.key_size],
            "x": number(numbers.x, width),
            "y": number(numbers.y, width),
        }
    return {
        **members,
        "use": "sig",
        "kid": identity.certificate_thumbprint,
        "x5c": [base64.b64encode(each.public_bytes(Encoding.DER)).decode() for each in identity.chain],
        "x5t#S256": identity.certificate_thumbprint,
    }
