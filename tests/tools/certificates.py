"""Certificates for tests, by a library that shares no code with ours.

ca = Authority()
ae = ca.issue("URI://onem2m-ws.example/id-in/Cpump")    # or "DNS:...", "IP:127.0.0.1"
ae.save(folder, "ae")                                   # ae.pem, ae.key
"""

from __future__ import annotations

import base64
import hashlib
import ipaddress
import itertools
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.x509.oid import NameOID

DAY = timedelta(days=1)
_numbers = itertools.count(1)


def _now() -> datetime:
    # A clock that differs a little between processes is no reason to fail.
    return datetime.now(timezone.utc).replace(microsecond=0)


def _new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _subject(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _alternative(name: str) -> x509.GeneralName:
    kind, _, text = name.partition(":")
    if kind == "URI":
        return x509.UniformResourceIdentifier(text)
    if kind == "DNS":
        return x509.DNSName(text)
    if kind == "IP":
        return x509.IPAddress(ipaddress.ip_address(text))
    raise ValueError(f"not a name of a certificate: {name!r}")


@dataclass
class RawKey:
    """A key that others know by its digest (RFC 6920)."""

    private: ec.EllipticCurvePrivateKey = field(default_factory=_new_key, repr=False)

    @property
    def key(self) -> bytes:
        """PEM."""
        return _key_pem(self.private)

    @property
    def ni(self) -> str:
        """Its name."""
        public = self.private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        digest = base64.urlsafe_b64encode(hashlib.sha256(public).digest()).rstrip(b"=").decode()
        return f"ni:///sha-256;{digest}"


@dataclass
class Credential:
    """A certificate and its key, in PEM."""

    cert: bytes
    key: bytes = field(repr=False)
    serial: int
    not_after: datetime

    def save(self, folder: Path, stem: str) -> tuple[Path, Path]:
        """Writes `stem.pem` and `stem.key`; returns their paths."""
        cert, key = folder / f"{stem}.pem", folder / f"{stem}.key"
        cert.write_bytes(self.cert)
        key.touch(mode=0o600)
        key.write_bytes(self.key)
        return cert, key


class Authority:
    """Issues certificates, and says which of them are revoked."""

    def __init__(self) -> None:
        self._key = _new_key()
        self._subject = _subject(f"authority {next(_numbers)} of the tests")
        usage = x509.KeyUsage(
            digital_signature=False,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            key_cert_sign=True,
            crl_sign=True,
            encipher_only=False,
            decipher_only=False,
        )
        self._certificate = (
            x509.CertificateBuilder()
            .subject_name(self._subject)
            .issuer_name(self._subject)
            .public_key(self._key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(_now() - DAY)
            .not_valid_after(_now() + 30 * DAY)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), critical=False)
            .sign(self._key, SHA256())
        )

    @property
    def pem(self) -> bytes:
        """Its own certificate."""
        return self._certificate.public_bytes(Encoding.PEM)

    def save(self, folder: Path, stem: str = "ca") -> Path:
        """Writes `stem.pem`; returns its path."""
        path = folder / f"{stem}.pem"
        path.write_bytes(self.pem)
        return path

    def issue(self, *names: str, lasts: timedelta = 30 * DAY) -> Credential:
        """A certificate with these names. If it `lasts` less than nothing, it has expired."""
        key = _new_key()
        not_after = _now() + lasts
        builder = (
            x509.CertificateBuilder()
            .subject_name(_subject("of the tests"))
            .issuer_name(self._subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(min(_now(), not_after) - DAY)
            .not_valid_after(not_after)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
        )
        if names:
            alternatives = x509.SubjectAlternativeName([_alternative(name) for name in names])
            builder = builder.add_extension(alternatives, critical=False)
        certificate = builder.sign(self._key, SHA256())
        return Credential(certificate.public_bytes(Encoding.PEM), _key_pem(key), certificate.serial_number, not_after)

    def revoked(self, *credentials: Credential) -> bytes:
        """The list of what is revoked (CRL), in PEM."""
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self._subject)
            .last_update(_now() - DAY)
            .next_update(_now() + 30 * DAY)
            .add_extension(x509.CRLNumber(1), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
        )
        for credential in credentials:
            revoked = (
                x509.RevokedCertificateBuilder().serial_number(credential.serial).revocation_date(_now() - DAY).build()
            )
            builder = builder.add_revoked_certificate(revoked)
        return builder.sign(self._key, SHA256()).public_bytes(Encoding.PEM)
