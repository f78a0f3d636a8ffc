"""Twilio's signature of a request: an HMAC of the URL that was configured there, and of the form's fields.

Source: twilio-python 9.13.0, `request_validator.py`; https://www.twilio.com/docs/usage/security
"""

import base64
import hashlib
import hmac
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

HEADER = "x-twilio-signature"
SETTINGS_HEADER = "x-twilio-webhooks-signature-settings"

_HASHES: dict[str, Any] = {"HMAC_SHA1": hashlib.sha1, "HMAC_SHA256": hashlib.sha256}
_PORTS = {"https": 443, "wss": 443, "http": 80, "ws": 80}


def signed(secret: str, url: str, fields: Iterable[tuple[str, str]] = (), algorithm: str = "HMAC_SHA1") -> str:
    """Sign a URL and the fields of a form; the same field twice with one value counts once."""
    text = url + "".join(name + value for name, value in sorted(set(fields)))
    return base64.b64encode(hmac.new(secret.encode(), text.encode(), _HASHES[algorithm]).digest()).decode()


def is_signed(
    secrets: Iterable[str], url: str, fields: Iterable[tuple[str, str]], signature: str, settings: str = ""
) -> bool:
    """Return whether a request has a valid signature by one of these secrets; the URL's port does not matter.

    Args:
        secrets: the auth token, and the signing key if there is one.
        settings: of the header `SETTINGS_HEADER`, which names another algorithm.
    """
    algorithm, form = _algorithm(settings), list(fields)
    if algorithm not in _HASHES or not signature.isascii():
        return False
    valid = False
    for secret in secrets:
        for candidate in _with_and_without_port(url):
            valid |= hmac.compare_digest(signed(secret, candidate, form, algorithm), signature)
    return valid


def _algorithm(settings: str) -> str:
    for part in settings.split(","):
        name, _, value = part.partition("=")
        if name.strip() == "algorithm" and value.strip():
            return value.strip().upper()
    return "HMAC_SHA1"


def _with_and_without_port(url: str) -> tuple[str, ...]:
    parts = urlsplit(url)
    host, _, _ = parts.netloc.partition(":") if "[" not in parts.netloc else (parts.netloc, "", "")
    bare = parts._replace(netloc=host).geturl()
    ported = url if parts.port else parts._replace(netloc=f"{parts.netloc}:{_PORTS.get(parts.scheme, 443)}").geturl()
    return url, bare, ported
