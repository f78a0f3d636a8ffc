"""The settings of the telephone lines without a carrier: Asterisk."""

import re

from pydantic import Field, SecretStr, field_validator

from api.settings.serving import ServingSettings

_ENDPOINT = re.compile(r"(\[[0-9a-fA-F:]+\]|[^\[\]:]+):(\d{1,5})")


class PhoneLineSettings(ServingSettings):
    """The settings of these lines; `Settings` has all."""

    phone_audiosocket: str = Field(
        default="",
        description="Address on which Asterisk's AudioSocket connects, such as 127.0.0.1:9092 (TCP, without "
        "authentication: keep it private); without it none does.",
    )
    phone_asterisk_secret: SecretStr | None = Field(
        default=None, description="Secret of Asterisk's dialplan, and password of its websockets; without it neither."
    )
    phone_asterisk_register: bool = Field(
        default=False, description="Take only AudioSocket calls that the dialplan has announced."
    )

    @field_validator("phone_audiosocket")
    @classmethod
    def _is_endpoint(cls, value: str) -> str:
        if value:
            endpoint(value)
        return value


def endpoint(value: str) -> tuple[str, int]:
    """Split an address and its port.

    Raises:
        ValueError: it has another form.
    """
    found = _ENDPOINT.fullmatch(value)
    if found is None or int(found[2]) > 65_535:
        raise ValueError("write it as address:port, such as 127.0.0.1:9092")
    return found[1].strip("[]"), int(found[2])
