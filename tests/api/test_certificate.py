"""The service's own certificate, and those that an operator names."""

import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from api.certificate import RENEWED_BEFORE, VALID_FOR, check_certificate, fingerprint, self_signed

NOW = datetime.now(UTC)
NAMES = ("127.0.0.1", "localhost")


def test_a_client_that_trusts_it_connects_by_name_and_by_address(tmp_path: Path) -> None:
    certificate, key = self_signed(tmp_path, NAMES, NOW)
    check_certificate(certificate, key)
    assert key.stat().st_mode & 0o077 == 0
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(certificate, key)
    client = ssl.create_default_context(cafile=certificate)
    for name in NAMES:
        ours, theirs = socket.socketpair()

        def serve(end: socket.socket = theirs) -> None:
            with server.wrap_socket(end, server_side=True) as wrapped:
                wrapped.sendall(b"hello")

        thread = threading.Thread(target=serve)
        thread.start()
        with client.wrap_socket(ours, server_hostname=name) as wrapped:
            assert wrapped.recv(5) == b"hello"
        thread.join()


def test_it_is_kept_until_it_would_expire_or_the_names_change(tmp_path: Path) -> None:
    made = fingerprint(self_signed(tmp_path, NAMES, NOW)[0])
    for later, names, kept in (
        (VALID_FOR - RENEWED_BEFORE - timedelta(days=1), NAMES, True),
        (timedelta(), ("localhost",), True),
        (timedelta(), (*NAMES, "192.168.1.20"), False),
        (2 * VALID_FOR, NAMES, False),
    ):
        now_made = fingerprint(self_signed(tmp_path, names, NOW + later)[0])
        assert (now_made == made) is kept
        made = now_made
    (tmp_path / "certificate.pem").write_bytes(b"damaged")
    assert fingerprint(self_signed(tmp_path, NAMES, NOW)[0]) != made


def test_what_is_no_certificate_is_named(tmp_path: Path) -> None:
    certificate, key = self_signed(tmp_path / "a", NAMES, NOW)
    _, other = self_signed(tmp_path / "b", NAMES, NOW)
    with pytest.raises(OSError, match="no certificate and its key"):
        check_certificate(certificate, other)
    with pytest.raises(OSError, match="no certificate and its key"):
        check_certificate(key, key)
    with pytest.raises(OSError, match="there is no file"):
        check_certificate(tmp_path / "missing.pem", key)
