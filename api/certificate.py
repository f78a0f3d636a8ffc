"""A certificate of the service's own, for a network without a name or an authority.

A browser warns of it, once, as nobody vouches for it; but behind https it gives the page a microphone, which it does
not behind http. It is kept, so that an exception made for it holds until it expires.
"""

import ipaddress
import socket
import ssl
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from models.private import private_file, private_folder

VALID_FOR = timedelta(days=397)
"""Browsers take no certificate that is valid for longer (CA/Browser Forum, Baseline Requirements 6.3.2)."""

RENEWED_BEFORE = timedelta(days=30)


def self_signed(folder: Path, names: tuple[str, ...], now: datetime) -> tuple[Path, Path]:
    """Return the files of a certificate for these hosts and its key; the kept ones as long as they fit.

    Args:
        folder: where both are kept.
        names: host names and addresses, such as "192.168.1.20".
        now: with a time zone.

    Raises:
        OSError: the folder cannot be written.
    """
    private_folder(folder)
    certificate_file, key_file = folder / "certificate.pem", folder / "key.pem"
    if key_file.exists() and _fits(certificate_file, names, now):
        return certificate_file, key_file
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Glow Voice on {socket.gethostname()}"[:64])])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + VALID_FOR)
        .add_extension(x509.SubjectAlternativeName([_alternative(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private_file(key_file)
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return certificate_file, key_file


def check_certificate(certificate_file: Path, key_file: Path) -> None:
    """Check that a certificate and its key can be used.

    Raises:
        OSError: one cannot be read, or they do not belong together; the message names the file.
    """
    for file in (certificate_file, key_file):
        if not file.is_file():
            raise OSError(f"there is no file {file}; GLOW_TLS_CERT and GLOW_TLS_KEY name the certificate and its key.")
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(certificate_file, key_file, password="")
    except (ssl.SSLError, ValueError):
        raise OSError(
            f"{certificate_file} and {key_file} are no certificate and its key: give both in PEM, the key without a "
            "password."
        ) from None


def fingerprint(certificate_file: Path) -> str:
    """Return a certificate's SHA-256 fingerprint, as browsers show it: pairs of hexadecimal digits."""
    certificate = x509.load_pem_x509_certificate(certificate_file.read_bytes())
    return certificate.fingerprint(hashes.SHA256()).hex(":").upper()


def _fits(file: Path, names: tuple[str, ...], now: datetime) -> bool:
    try:
        certificate = x509.load_pem_x509_certificate(file.read_bytes())
        listed = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (OSError, ValueError, x509.ExtensionNotFound):
        return False
    lasts = certificate.not_valid_after_utc - now
    return lasts > RENEWED_BEFORE and {_alternative(name) for name in names} <= set(listed)


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
