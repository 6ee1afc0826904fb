"""Lists of revoked certificates (RFC 5280 section 5), as docs/formats/verification.md judges by them (*Revoked certificates*)."""

import datetime
import re

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding

from .signatures import Wrong

MOST, LARGEST = 64, 64 << 20  # lists of a section, and bytes that they have together
WORST = ("revoked", "unknown", "good")


class RevocationList:
    """A list, and whether an issuer that it names has signed it. `bringer`: (participant, line), or None for whoever verifies."""

    def __init__(self, raw, bringer=None, is_earlier=False):
        self.bringer, self.is_earlier, self.named, self.holds = bringer, is_earlier, False, False
        try:
            self.crl = x509.load_der_x509_crl(raw)
            self.issuer, self.made, self.ends = issuer_in(self.crl.tbs_certlist_bytes), self.crl.last_update_utc, self.crl.next_update_utc
            self.points = self.whole_for(self.crl.extensions)
            self.revoked = {each.serial_number: since(each) for each in self.crl}
        except (ValueError, UnsupportedAlgorithm, x509.DuplicateExtension, x509.UnsupportedGeneralNameType) as error:
            raise Wrong("not a list of revoked certificates") from error
        if self.ends is None:
            raise Wrong("the list has no end")

    @staticmethod
    def whole_for(extensions):
        """None: all certificates of its issuer; else addresses, one of which a certificate must name."""
        point = None
        for each in extensions:
            if isinstance(each.value, x509.DeltaCRLIndicator):
                raise Wrong("the list only adds to another one")
            if isinstance(each.value, x509.IssuingDistributionPoint):
                point = each.value
        if point is None:
            return None
        if point.only_some_reasons or point.indirect_crl or point.only_contains_attribute_certs:
            return set()
        return addresses(point.full_name)

    def is_by(self, issuer):
        try:
            return self.crl.is_signature_valid(issuer.public_key())
        except (InvalidSignature, UnsupportedAlgorithm, TypeError, ValueError):
            return False

    def says(self, certificate, moment):
        if certificate.serial_number in self.revoked:
            return "revoked" if self.revoked[certificate.serial_number] <= moment else "good"
        is_whole = self.points is None or self.points & points_of(certificate)
        return "good" if is_whole and self.made <= certificate.not_valid_after_utc and moment <= self.ends else "unknown"


def issuer_in(der):
    """The issuer's name as it stands in a list: names are compared byte for byte, also one that is no text."""
    _, inside, _ = value(der)
    tag, _, rest = value(inside)
    if tag == 0x02:  # the version
        _, _, rest = value(rest)
    _, _, after = value(rest)
    return rest[: len(rest) - len(after)]


def value(der):
    """The first value of DER: its tag, what is in it, and what comes after it."""
    length, begin = der[1], 2
    if length & 0x80:
        begin = 2 + (length & 0x7F)
        length = int.from_bytes(der[2:begin], "big")
    return der[0], der[begin : begin + length], der[begin + length :]


def since(entry):
    """From when on a certificate is not to be relied on."""
    dates = [entry.revocation_date_utc]
    dates += [each.value.invalidity_date_utc for each in entry.extensions if isinstance(each.value, x509.InvalidityDate)]
    return min(dates)


def addresses(names):
    return {each.value for each in names or () if isinstance(each, x509.UniformResourceIdentifier)}


def points_of(certificate):
    try:
        points = certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    except x509.ExtensionNotFound:
        return set()
    return set().union(*(addresses(each.full_name) for each in points))


def standing(lists, way, milliseconds):
    """What lists say of a way of (certificate, issuer): the worst of what they say of each certificate."""
    moment, found = datetime.datetime.fromtimestamp(milliseconds // 1000, datetime.UTC), []
    for certificate, issuer in way:
        said = {"unknown"}
        for each in lists:
            if each.issuer != certificate.issuer.public_bytes():
                continue
            each.named = True
            if each.is_by(issuer):
                each.holds = True
                said.add(each.says(certificate, moment))
        found.append("revoked" if "revoked" in said else "good" if "good" in said else "unknown")
    return min(found, key=WORST.index)


def in_files(paths):
    """Lists that whoever verifies gives: DER, or one or several in PEM."""
    found = []
    for path in paths:
        with open(path, "rb") as file:
            raw = file.read()
        if raw.startswith(b"\x30"):
            found.append(RevocationList(raw))
            continue
        parts = re.findall(rb"-----BEGIN X509 CRL-----.*?-----END X509 CRL-----", raw, re.DOTALL)
        try:
            found += [RevocationList(x509.load_pem_x509_crl(each).public_bytes(Encoding.DER)) for each in parts]
        except ValueError as error:
            raise Wrong("not a list of revoked certificates") from error
        if not parts:
            raise Wrong("no list of revoked certificates")
    return found


def in_sections(sections, complain=None):
    """Lists of evidence; of one that cannot be read `complain(participant, line)` is told. Without it the evidence is of an earlier day."""
    found = []
    for section in sections:
        held, size = 0, 0
        for line, raw in section.lists:
            try:
                read = RevocationList(raw, (section.participant, line), complain is None)
            except Wrong:
                if complain is not None:
                    complain(section.participant, line)
                continue
            if held < MOST and size + len(raw) <= LARGEST:
                held, size = held + 1, size + len(raw)
                found.append(read)
    return found
