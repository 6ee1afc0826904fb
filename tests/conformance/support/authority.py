"""A throw-away certification authority: root, intermediate, leaves and revocation lists.

FSC Core 2.0.0 section 4.1: a chain to a trust anchor of the group, the participant id in the subject (here
serialNumber, as the Dutch profile has it), the organisation's name in O, the host names in the SAN.
"""

import base64
import datetime
import hashlib
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CURVES = {"p256": ec.SECP256R1, "p384": ec.SECP384R1, "p521": ec.SECP521R1}
DAY = datetime.timedelta(days=1)


def now():
    return datetime.datetime.now(datetime.UTC)


def base64url(data):
    """Base64url without padding, RFC 7515 section 2."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unbase64url(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def make_key(kind):
    """`rsa` (2048 bits) or one of the curves of CURVES."""
    if kind == "rsa":
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return ec.generate_private_key(CURVES[kind]())


def certificate_thumbprint(der):
    """The x5t#S256 form, RFC 7515 section 4.1.8."""
    return base64url(hashlib.sha256(der).digest())


@dataclass(frozen=True)
class Identity:
    """A key with its certificate chain (leaf first, root left out)."""

    peer_id: str
    name: str
    host: str
    key: object
    chain: tuple
    certificate_file: str
    key_file: str

    @property
    def certificate(self):
        return self.chain[0]

    @property
    def der(self):
        return self.certificate.public_bytes(serialization.Encoding.DER)

    @property
    def certificate_thumbprint(self):
        return certificate_thumbprint(self.der)

    @property
    def public_key_thumbprint(self):
        """Lower-case hexadecimal SHA-256 of the SubjectPublicKeyInfo (Core 4.1.6.2, manager.yaml
        publicKeyThumbprint)."""
        return hashlib.sha256(
            self.key.public_key().public_bytes(
                serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
            )
        ).hexdigest()

    @property
    def algorithm(self):
        """The JWS algorithm that goes with the key."""
        if isinstance(self.key, rsa.RSAPrivateKey):
            return "RS512"
        return {256: "ES256", 384: "ES384", 521: "ES512"}[self.key.curve.key_size]


class Authority:
    """One certification authority; two of them stand for a trusted and a foreign one."""

    def __init__(self, folder, label):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self._serial = 0
        self._revoked = {}
        self._crl_number = 0
        self._root_key = make_key("p256")
        self._key = make_key("p256")
        root_name = self._name(f"{label} root", f"{label} authority")
        self._issuer = self._name(f"{label} intermediate", f"{label} authority")
        self.root = self._authority_certificate(root_name, self._root_key, root_name, self._root_key, 1)
        self.intermediate = self._authority_certificate(self._issuer, self._key, root_name, self._root_key, 0)
        self.anchors = str(self.folder / "trust-anchors.pem")
        Path(self.anchors).write_bytes(self._pem(self.root))

    @staticmethod
    def _name(common_name, organisation):
        return x509.Name(
            [
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation),
                x509.NameAttribute(NameOID.COMMON_NAME, common_name),
            ]
        )

    @staticmethod
    def _pem(certificate):
        return certificate.public_bytes(serialization.Encoding.PEM)

    def _authority_certificate(self, subject, key, issuer, issuer_key, path_length):
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now() - 30 * DAY)
            .not_valid_after(now() + 60 * DAY)
            .add_extension(x509.BasicConstraints(ca=True, path_length=path_length), critical=True)
            .add_extension(x509.KeyUsage(False, False, False, False, False, True, True, False, False), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
            .sign(issuer_key, hashes.SHA256())
        )

    def issue(self, peer_id, name, host, *, kind="rsa", key=None, not_before=None, not_after=None, hosts=()):
        """Issues a leaf for client and server use; `peer_id` None leaves the serialNumber out of the subject."""
        key = key or make_key(kind)
        attributes = [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "NL"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, name),
            x509.NameAttribute(NameOID.COMMON_NAME, host),
        ]
        if peer_id is not None:
            attributes.append(x509.NameAttribute(NameOID.SERIAL_NUMBER, peer_id))
        certificate = (
            x509.CertificateBuilder()
            .subject_name(x509.Name(attributes))
            .issuer_name(self._issuer)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(not_before or now() - DAY)
            .not_valid_after(not_after or now() + 20 * DAY)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(
                x509.KeyUsage(
                    True, False, isinstance(key, rsa.RSAPrivateKey), False, False, False, False, False, False
                ),
                critical=True,
            )
            .add_extension(
                x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]),
                critical=False,
            )
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(each) for each in (host, *hosts)]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        self._serial += 1
        stem = self.folder / f"{self._serial:03}-{host}"
        certificate_file, key_file = f"{stem}.pem", f"{stem}.key"
        Path(certificate_file).write_bytes(self._pem(certificate) + self._pem(self.intermediate))
        Path(key_file).write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        Path(key_file).chmod(0o600)
        return Identity(peer_id, name, host, key, (certificate, self.intermediate), certificate_file, key_file)

    def revoke(self, identity, *, at=None, invalid_from=None):
        """Puts the leaf on the next revocation list that `write_lists` writes: revoked `at` (an hour ago), and with
        `invalid_from` known to be compromised from then on."""
        self._revoked[identity.certificate.serial_number] = (at or now() - DAY / 24, invalid_from)

    def forgive(self, identity):
        """Takes the leaf off the lists that are written from now on."""
        self._revoked.pop(identity.certificate.serial_number)

    def forged_list(self, issuer):
        """DER of a list that names another issuer and is signed by this authority."""
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(issuer)
            .last_update(now() - DAY / 24)
            .next_update(now() + 7 * DAY)
            .add_extension(x509.CRLNumber(1), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
        )
        return builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)

    def write_lists(self, folder):
        """Writes the revocation lists of root and intermediate; answers the two file names."""
        self._crl_number += 1
        files = []
        for name, issuer, key, serials in (
            ("root.crl", self.root.subject, self._root_key, {}),
            ("intermediate.crl", self._issuer, self._key, self._revoked),
        ):
            builder = (
                x509.CertificateRevocationListBuilder()
                .issuer_name(issuer)
                .last_update(now() - DAY / 24)
                .next_update(now() + 7 * DAY)
                .add_extension(x509.CRLNumber(self._crl_number), critical=False)
                .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
            )
            for serial, (at, invalid_from) in serials.items():
                entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(at)
                if invalid_from is not None:
                    entry = entry.add_extension(x509.InvalidityDate(invalid_from), critical=False)
                builder = builder.add_revoked_certificate(entry.build())
            target = Path(folder) / name
            fresh = target.with_suffix(".new")
            fresh.write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
            fresh.replace(target)
            files.append(str(target))
        return files
