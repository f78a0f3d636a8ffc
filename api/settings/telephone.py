"""The settings of the telephone: numbers, limits, and the carriers' accounts."""

import re
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import NoDecode

from api.settings.phone_carriers import PhoneCarrierSettings
from api.settings.serving import http_url

_PREFIX = re.compile(r"\+\d{1,14}")


class TelephoneSettings(PhoneCarrierSettings):
    """The telephone's settings; `Settings` has all."""

    phone_url: str = Field(
        default="",
        description="URL under which carriers reach the service, such as https://phone.example.org; their signatures "
        "are checked against it, and without it no carrier is answered.",
    )
    phone_numbers: Path | None = Field(
        default=None,
        description="YAML file of telephone numbers, beside those of `glow phone add`; read again when it changes.",
    )
    phone_calls: int = Field(
        default=50,
        ge=1,
        le=10_000,
        description="Maximum number of concurrent calls on the telephone; further ones hear that all lines are busy.",
    )
    phone_filler_s: float = Field(
        default=2.0,
        ge=0,
        le=30,
        description="Seconds on the telephone after which a persona who has no answer yet says that it takes "
        "a moment; 0 for never.",
    )
    phone_dial_prefixes: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Prefixes of the numbers that may be dialled, comma-separated, such as +1,+4930; none by default.",
    )
    phone_dials_per_minute: int = Field(
        default=6, ge=1, le=600, description="Maximum number of calls dialled per minute."
    )
    twilio_account_sid: str = Field(default="", description="Account SID of Twilio, AC...")
    twilio_auth_token: SecretStr | None = Field(
        default=None, description="Auth token of that account: it signs Twilio's requests, and ours."
    )
    twilio_signing_key: SecretStr | None = Field(
        default=None, description="Shared key by which Twilio signs instead, in accounts that have one."
    )
    twilio_api_key: SecretStr | None = Field(
        default=None, description="API key for requests to Twilio instead of the auth token, as SK...:secret."
    )
    twilio_base_url: str = Field(
        default="https://api.twilio.com",
        description="Base URL of Twilio's REST interface, or of a compatible carrier's.",
    )

    twilio_recording: bool = Field(
        default=False,
        description="Have Twilio record calls, too, on numbers that record: after the announcement, in stereo.",
    )

    @field_validator("phone_numbers")
    @classmethod
    def _expand_file(cls, path: Path | None) -> Path | None:
        return path and path.expanduser()

    @field_validator("phone_url", "twilio_base_url")
    @classmethod
    def _is_url_of_carrier(cls, value: str) -> str:
        return http_url(value)

    @field_validator("phone_dial_prefixes", mode="before")
    @classmethod
    def _split_prefixes(cls, value: Any) -> Any:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("phone_dial_prefixes")
    @classmethod
    def _are_prefixes(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if any(not _PREFIX.fullmatch(prefix) for prefix in value):
            raise ValueError("Each must begin with + and a country's code, such as +1 or +4930")
        return value
