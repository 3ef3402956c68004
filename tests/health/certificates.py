"""A certificate authority for tests, and servers' certificates of it: good, expired, for another name."""

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


@dataclass(frozen=True, slots=True)
class Authority:
    """Signs certificates, and keeps them in `folder`."""

    folder: Path
    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @classmethod
    def new(cls, folder: Path) -> "Authority":
        """With a key of its own; its certificate is `ca_file`."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(_named("tests"), _named("tests"), key.public_key(), -30, 365)
        constraints = x509.BasicConstraints(ca=True, path_length=None)
        usage = x509.KeyUsage(True, False, False, False, False, True, True, False, False)
        identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
        builder = builder.add_extension(constraints, True).add_extension(usage, True)
        certificate = builder.add_extension(identifier, False).sign(key, hashes.SHA256())
        authority = cls(folder, key, certificate)
        (folder / "ca.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        return authority

    @property
    def ca_file(self) -> str:
        """What a client has to trust."""
        return str(self.folder / "ca.pem")

    def issue(self, *names: str, first_day: float = -1, last_day: float = 90) -> str:
        """Path of a file with a new certificate and its key; names and addresses are told apart."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(_named(names[0]), self.certificate.subject, key.public_key(), first_day, last_day)
        alternatives = [
            x509.IPAddress(ip_address(name)) if ":" in name or name[0].isdigit() else x509.DNSName(name)
            for name in names
        ]
        authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
        certificate = (
            builder.add_extension(x509.SubjectAlternativeName(alternatives), False)
            .add_extension(authority, False)
            .sign(self.key, hashes.SHA256())
        )
        path = self.folder / f"{names[0]}-{last_day:g}.pem".replace(":", "-")
        form = serialization.PrivateFormat.PKCS8
        secret = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
        path.write_bytes(secret + certificate.public_bytes(serialization.Encoding.PEM))
        return str(path)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, first_day: float, last_day: float
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + timedelta(days=first_day))
        .not_valid_after(now + timedelta(days=last_day))
    )


def server_side(file: str, *protocols: str) -> ssl.SSLContext:
    """For a server with this certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    if protocols:
        context.set_alpn_protocols(list(protocols))
    return context
