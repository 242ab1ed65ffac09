"""HTTPS of the lab: an authority of its own, made when the lab starts, and certificates it signs. Knows no HTTP.

The authority's key never leaves the process; the server's touches the disk only as long as OpenSSL reads it.
"""

from __future__ import annotations

import hashlib
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from snlm_lib.process import write_private

__all__ = ["Authority", "Identity", "Tls", "bearer", "serving"]

_BACK = timedelta(days=1)  # the client's clock may be behind
_LIFE = timedelta(days=30)
_UPN = x509.ObjectIdentifier("1.3.6.1.4.1.311.20.2.3")  # userPrincipalName, as Windows puts it into a certificate
_UTF8_STRING = 0x0C


@dataclass(frozen=True)
class Identity:
    """A server certificate (DER) and, as PEM, its private key and itself."""

    certificate: bytes
    pem: str


@dataclass(frozen=True)
class Tls:
    """What a listener needs: the context, and the channel binding of RFC 5929 (tls-server-end-point)."""

    context: ssl.SSLContext
    end_point: bytes


class Authority:
    """A certificate authority, EC P-256, valid from a day before ``now`` for thirty days."""

    def __init__(self, *, now: datetime, name: str = "snlm lab, simulated hosts") -> None:
        self._now = now
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _named(name)
        usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
        key_id = x509.SubjectKeyIdentifier.from_public_key(self._key.public_key())
        builder = self._builder(self._name, self._key, ends=now + _LIFE)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        builder = builder.add_extension(usage, critical=True).add_extension(key_id, critical=False)
        self._key_id = key_id
        self._certificate = builder.sign(self._key, hashes.SHA256())

    @property
    def pem(self) -> str:
        """The authority's certificate: what a client must trust."""
        return self._certificate.public_bytes(serialization.Encoding.PEM).decode("ascii")

    def identity(
        self, names: Sequence[str], *, begins: datetime | None = None, ends: datetime | None = None
    ) -> Identity:
        """A certificate for host names and IP addresses, valid for thirty days from yesterday unless told."""
        alternatives = [_alternative(name) for name in names]
        times = (begins, ends or self._now + _LIFE)
        return self._signed(names[0], alternatives, ExtendedKeyUsageOID.SERVER_AUTH, times)

    def client(self, user: str, *, ends: datetime | None = None) -> Identity:
        """A certificate with which ``user`` signs on: as UPN where it reads name@REALM, else as common name."""
        alternatives: list[x509.GeneralName] = []
        if "@" in user:
            value = user.encode("utf-8")
            alternatives = [x509.OtherName(_UPN, bytes((_UTF8_STRING, len(value))) + value)]
        times = (None, ends or self._now + _LIFE)
        return self._signed(user, alternatives, ExtendedKeyUsageOID.CLIENT_AUTH, times)

    def _signed(
        self,
        name: str,
        alternatives: list[x509.GeneralName],
        usage: x509.ObjectIdentifier,
        times: tuple[datetime | None, datetime],
    ) -> Identity:
        key = ec.generate_private_key(ec.SECP256R1())
        builder = self._builder(_named(name), key, begins=times[0], ends=times[1])
        if alternatives:
            builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), False)
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), True)
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), False)
        authority = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(self._key_id)
        certificate = builder.add_extension(authority, False).sign(self._key, hashes.SHA256())
        secret = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        pem = secret + certificate.public_bytes(serialization.Encoding.PEM)
        return Identity(certificate.public_bytes(serialization.Encoding.DER), pem.decode("ascii"))

    def _builder(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, *, ends: datetime, begins: datetime | None = None
    ) -> x509.CertificateBuilder:
        begins = begins or min(self._now, ends) - _BACK
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(begins)
            .not_valid_after(ends)
        )


def serving(identity: Identity, folder: Path, *, clients: str | None = None) -> Tls:
    """A server context, TLS 1.2 or later. Python reads keys from files only: ours stands in ``folder`` that long.

    ``clients``: PEM of the authority whose client certificates are asked for; one by another breaks the handshake.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    key_file = folder / "server-key.tmp"
    folder.mkdir(parents=True, exist_ok=True)
    write_private(key_file, identity.pem)
    try:
        context.load_cert_chain(key_file)
    finally:
        key_file.unlink()
    if clients is not None:
        context.verify_mode = ssl.CERT_OPTIONAL
        context.load_verify_locations(cadata=clients)
    return Tls(context, b"tls-server-end-point:" + hashlib.sha256(identity.certificate).digest())


def bearer(connection: ssl.SSLSocket) -> str | None:
    """Whom the client's certificate names: its UPN, else its common name; None without a certificate."""
    shown = connection.getpeercert(True)
    if not shown:
        return None
    certificate = x509.load_der_x509_certificate(shown)
    for extension in certificate.extensions:
        if isinstance(extension.value, x509.SubjectAlternativeName):
            for other in extension.value.get_values_for_type(x509.OtherName):
                if other.type_id == _UPN:
                    return other.value[2:].decode("utf-8", "replace")
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value) if names else None


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)
