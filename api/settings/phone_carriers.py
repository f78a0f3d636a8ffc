"""The settings of the carriers Telnyx and Vonage."""

from pathlib import Path

from pydantic import Field, SecretStr, field_validator

from api.settings.phone_lines import PhoneLineSettings
from api.settings.serving import http_url

TELNYX_CODECS = ("PCMU", "PCMA", "L16")


class PhoneCarrierSettings(PhoneLineSettings):
    """The settings of these carriers; `Settings` has all."""

    telnyx_api_key: SecretStr | None = Field(default=None, description="API key of Telnyx, KEY...")
    telnyx_public_key: str = Field(
        default="", description="Public key of the Telnyx account, which its webhooks are checked against."
    )
    telnyx_base_url: str = Field(default="https://api.telnyx.com", description="Base URL of Telnyx's REST interface.")
    telnyx_codec: str = Field(
        default="PCMU", description="Codec of the audio that is sent to Telnyx: PCMU, PCMA, or L16 at 16 kHz."
    )
    vonage_application_id: str = Field(default="", description="Id of the Vonage application that has the numbers.")
    vonage_private_key: Path | None = Field(
        default=None, description="File with the private key of that application, in PEM."
    )
    vonage_signature_secret: SecretStr | None = Field(
        default=None, description="Signature secret of the Vonage account, which signs its webhooks."
    )
    vonage_base_url: str = Field(default="https://api.nexmo.com", description="Base URL of Vonage's REST interface.")

    @field_validator("telnyx_codec")
    @classmethod
    def _is_codec(cls, value: str) -> str:
        if value.upper() not in TELNYX_CODECS:
            raise ValueError(f"it must be one of {', '.join(TELNYX_CODECS)}")
        return value.upper()

    @field_validator("telnyx_base_url", "vonage_base_url")
    @classmethod
    def _is_rest_url(cls, value: str) -> str:
        return http_url(value)

    @field_validator("vonage_private_key")
    @classmethod
    def _expand_key(cls, path: Path | None) -> Path | None:
        return path and path.expanduser()
