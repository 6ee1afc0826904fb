"""Throw-away certificates and JSON Web Signatures for made-up evidence. Everything follows from a seed."""

import base64
import datetime
import hashlib

import rfc8785
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
ECDSA = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)
YEAR = 365 * 86_400_000


def base64url(raw):
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def make_key(chance):
    return ec.derive_private_key(chance.randrange(1, ORDER), ec.SECP256R1())


def moment(milliseconds):
    return datetime.datetime.fromtimestamp(milliseconds // 1000, datetime.UTC)


def der(certificate):
    return certificate.public_bytes(Encoding.DER)


class Identity:
    """A key and the certificates from its own to the one below the trust anchor."""

    def __init__(self, key, chain):
        self.key, self.chain = key, chain

    @property
    def encoded_chain(self):
        return [base64url(der(each)) for each in self.chain]

    def sign(self, payload, **header):
        """A compact JWS over these bytes."""
        thumbprint = base64url(hashlib.sha256(der(self.chain[0])).digest())
        return jws(self.key, payload, {"alg": "ES256", "x5t#S256": thumbprint, **header})

    def states(self, statement, **header):
        """A signed statement with its chain, as it stands in evidence."""
        return {"statement": self.sign(rfc8785.dumps(statement), **header), "chain": self.encoded_chain}


def jws(key, payload, header, detached=False):
    head, body = base64url(rfc8785.dumps(header)), base64url(payload)
    first, second = utils.decode_dss_signature(key.sign(f"{head}.{body}".encode(), ECDSA))
    signature = base64url(first.to_bytes(32, "big") + second.to_bytes(32, "big"))
    return f"{head}..{signature}" if detached else f"{head}.{body}.{signature}"


def thumbprint(key):
    """Of a public key on P-256, RFC 7638."""
    numbers = key.public_key().public_numbers()
    x, y = (base64url(each.to_bytes(32, "big")) for each in (numbers.x, numbers.y))
    return base64url(hashlib.sha256(rfc8785.dumps({"crv": "P-256", "kty": "EC", "x": x, "y": y})).digest())


def public_der(key):
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(Encoding.DER, form)


class Authority:
    """A root, and an intermediate that issues the certificates of participants."""

    def __init__(self, chance, label="Voorbeeld", begin=0):
        self.chance, self.begin = chance, begin
        self.root_key, self.key = make_key(chance), make_key(chance)
        self.root_name, self.name = self.named(f"{label} root"), self.named(f"{label} issuing")
        self.root = self.certify(self.root_name, self.root_key, self.root_name, self.root_key, authority=True)
        self.intermediate = self.certify(self.name, self.key, self.root_name, self.root_key, authority=True)

    @staticmethod
    def named(common_name, serial_number=None):
        attributes = [x509.NameAttribute(NameOID.COUNTRY_NAME, "NL"), x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
        if serial_number is not None:
            attributes.append(x509.NameAttribute(NameOID.SERIAL_NUMBER, serial_number))
        return x509.Name(attributes)

    def certify(self, subject, key, issuer, issuer_key, authority=False, begin=None, end=None, points=None):
        usage = [not authority, False, False, False, False, authority, authority, False, False]
        begin = self.begin if begin is None else begin
        made = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key.public_key())
            .serial_number(self.chance.getrandbits(120) + 1)
            .not_valid_before(moment(begin))
            .not_valid_after(moment(begin + 10 * YEAR if end is None else end))
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .add_extension(x509.KeyUsage(*usage), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
        )
        if points is not None:
            made = made.add_extension(x509.CRLDistributionPoints([x509.DistributionPoint(points, None, None, None)]), critical=False)
        return made.sign(issuer_key, hashes.SHA256(), ecdsa_deterministic=True)

    def issue(self, oin, host, begin=None, end=None, points=None):
        key = make_key(self.chance)
        leaf = self.certify(self.named(host, oin), key, self.name, self.key, begin=begin, end=end, points=points)
        return Identity(key, [leaf, self.intermediate])

    def lists(self, revoked=(), begin=None, end=None, **more):
        """The lists of revoked certificates of both authorities. `revoked`: (certificate, when, since when it is invalid or None)."""
        made = []
        for name, key in ((self.root_name, self.root_key), (self.name, self.key)):
            of_it = [each for each in revoked if each[0].issuer == name]
            made.append(der(self.revocation_list(name, key, of_it, begin, end, **more)))
        return made

    def revocation_list(self, name, key, revoked=(), begin=None, end=None, signer=None, points=None):
        """`points`: the distribution point of which it is. `signer`: another key than the issuer's."""
        begin = self.begin if begin is None else begin
        made = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(name)
            .last_update(moment(begin))
            .next_update(moment(begin + 10 * YEAR if end is None else end))
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
            .add_extension(x509.CRLNumber(1), critical=False)
        )
        if points is not None:
            made = made.add_extension(x509.IssuingDistributionPoint(points, None, False, False, None, False, False), critical=True)
        for certificate, when, since in revoked:
            entry = x509.RevokedCertificateBuilder().serial_number(certificate.serial_number).revocation_date(moment(when))
            if since is not None:
                entry = entry.add_extension(x509.InvalidityDate(moment(since).replace(tzinfo=None)), critical=False)
            made = made.add_revoked_certificate(entry.build())
        return made.sign(signer or key, hashes.SHA256(), ecdsa_deterministic=True)

    @property
    def anchors(self):
        return self.root.public_bytes(Encoding.PEM)
