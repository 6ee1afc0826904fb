"""The trust anchor of a throw-away group: root, intermediate, leaves of one organisation each, revocation lists.

The subject of a leaf follows the profile that FSC Core 4.1.3 and 4.1.4 leave to the group: the PeerID is the OIN in
`serialNumber`, the peer name is `organizationName`.
"""

import datetime
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

KEY_KINDS = {
    "RSA-2048": lambda: rsa.generate_private_key(public_exponent=65537, key_size=2048),
    "P-256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "P-384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "P-521": lambda: ec.generate_private_key(ec.SECP521R1()),
}


@dataclass(frozen=True)
class Credential:
    """A private key and its certificate chain, leaf first, without the root (Core 4.4.1.4)."""

    key: object
    chain: tuple

    @property
    def certificate(self):
        return self.chain[0]

    def write(self, directory: Path, name: str) -> tuple[Path, Path]:
        """Writes the chain and the key as PEM; returns both paths."""
        directory.mkdir(parents=True, exist_ok=True)
        chain, key = directory / f"{name}.pem", directory / f"{name}-key.pem"
        chain.write_bytes(b"".join(pem(certificate) for certificate in self.chain))
        key.touch(mode=0o600)
        key.write_bytes(
            self.key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return chain, key


def pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _name(common_name: str, organization: str, serial_number: str | None = None) -> x509.Name:
    attributes = [
        x509.NameAttribute(NameOID.COUNTRY_NAME, "NL"),
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization),
        x509.NameAttribute(NameOID.COMMON_NAME, common_name),
    ]
    if serial_number is not None:
        attributes.append(x509.NameAttribute(NameOID.SERIAL_NUMBER, serial_number))
    return x509.Name(attributes)


def _builder(subject, issuer, public_key, issuer_key, days=30):
    now = datetime.datetime.now(datetime.timezone.utc)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )


def _key_usage(*, signature=False, encipherment=False, issuing=False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=signature,
        content_commitment=False,
        key_encipherment=encipherment,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=issuing,
        crl_sign=issuing,
        encipher_only=False,
        decipher_only=False,
    )


class Authority:
    """A root with one intermediate. `directory` receives `anchors.pem` and `revoked.pem` (both lists)."""

    def __init__(self, directory: Path, name: str = "Proefgroep"):
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self.root_key = KEY_KINDS["P-384"]()
        self.issuing_key = KEY_KINDS["P-256"]()
        root_name = _name(f"{name} wortel", name)
        self.root = self._issuer(root_name, root_name, self.root_key, self.root_key, path_length=1)
        issuing_name = _name(f"{name} uitgifte", name)
        self.issuing = self._issuer(issuing_name, root_name, self.issuing_key, self.root_key, path_length=0)
        self.revoked: list[x509.Certificate] = []
        self.anchors_file = directory / "anchors.pem"
        self.anchors_file.write_bytes(pem(self.root))
        self.revocation_files = [directory / "root-crl.pem", directory / "issuing-crl.pem"]
        self.write_revocation_lists()

    @staticmethod
    def _issuer(subject, issuer, key, issuer_key, path_length):
        return (
            _builder(subject, issuer, key.public_key(), issuer_key)
            .add_extension(x509.BasicConstraints(ca=True, path_length=path_length), critical=True)
            .add_extension(_key_usage(issuing=True), critical=True)
            .sign(issuer_key, hashes.SHA384())
        )

    def write_revocation_lists(self) -> None:
        for path, issuer, key, revoked in (
            (self.revocation_files[0], self.root, self.root_key, []),
            (self.revocation_files[1], self.issuing, self.issuing_key, self.revoked),
        ):
            now = datetime.datetime.now(datetime.timezone.utc)
            builder = (
                x509.CertificateRevocationListBuilder()
                .issuer_name(issuer.subject)
                .last_update(now - datetime.timedelta(minutes=5))
                .next_update(now + datetime.timedelta(days=7))
                .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
                .add_extension(x509.CRLNumber(int(now.timestamp())), critical=False)
            )
            for certificate in revoked:
                builder = builder.add_revoked_certificate(
                    x509.RevokedCertificateBuilder()
                    .serial_number(certificate.serial_number)
                    .revocation_date(now - datetime.timedelta(minutes=1))
                    .build()
                )
            path.write_bytes(builder.sign(key, hashes.SHA384()).public_bytes(serialization.Encoding.PEM))

    def issue(self, peer_id: str, organization: str, hosts: list[str], kind: str = "RSA-2048") -> Credential:
        """A certificate for server and client use: a Manager answers and calls (Core 4.1.6)."""
        key = KEY_KINDS[kind]()
        certificate = (
            _builder(_name(hosts[0], organization, peer_id), self.issuing.subject, key.public_key(), self.issuing_key)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(signature=True, encipherment=kind.startswith("RSA")), critical=True)
            .add_extension(
                x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]),
                critical=False,
            )
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts]), critical=False)
            .sign(self.issuing_key, hashes.SHA256())
        )
        return Credential(key, (certificate, self.issuing))
