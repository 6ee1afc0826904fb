"""Content hash and grant hash, FSC Core 2.0.0 sections 4.2.4 to 4.2.6."""

import hashlib

import rfc8785

from .authority import base64url, unbase64url

HASH_TYPES = {
    "GRANT_TYPE_SERVICE_PUBLICATION": 2,
    "GRANT_TYPE_SERVICE_CONNECTION": 3,
    "GRANT_TYPE_DELEGATED_SERVICE_CONNECTION": 4,
    "GRANT_TYPE_DELEGATED_SERVICE_PUBLICATION": 5,
}
READINGS = ("string", "digest")


def content_hash(content):
    """`$1$1$` and the base64url SHA3-512 of the canonical content."""
    return "$1$1$" + base64url(hashlib.sha3_512(rfc8785.dumps(content)).digest())


def grant_hash(content, index=0, reading="string"):
    """The hash of one grant.

    Section 4.2.5 step 3 says "append the Canonical JSON string to the content hash". The reading `string` takes the
    prefixed string that section 4.2.4 ends with, the reading `digest` the bytes of the hash alone.
    """
    data = content["grants"][index]["data"]
    whole = content_hash(content)
    prefix = whole.encode() if reading == "string" else unbase64url(whole.rsplit("$", 1)[1])
    digest = hashlib.sha3_512(prefix + rfc8785.dumps(data)).digest()
    return f"$1${HASH_TYPES[data['type']]}$" + base64url(digest)
