"""The settings of the server itself: where it listens, who may come, and with which certificate."""

import os
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SecretsSettingsSource,
    SettingsConfigDict,
)

from api.addresses import LOOPBACK, ORIGIN

PREFIX = "GLOW_"
"""What the variable of every setting begins with."""


SECRETS_DIR = f"{PREFIX}SECRETS_DIR"

SECRET_PREFIX = "GLOW_SECRET_"
"""What the variable of every secret of a tool begins with; content packs name them, and cannot name any other."""


class ServingSettings(BaseSettings):
    """The server's settings; `Settings` has all."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_file=".env",
        env_file_encoding="utf-8",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        populate_by_name=True,
        hide_input_in_errors=True,
    )

    secrets_dir: Path | None = Field(
        default=None,
        description="Directory with files that are read as settings, each named for its variable, such as "
        "GLOW_DATABASE_URL: secrets of containers and systemd. The environment takes precedence.",
    )
    host: str = Field(
        default="127.0.0.1", description="Address to listen on; 0.0.0.0 opens the service to the network."
    )
    port: int = Field(default=8010, ge=0, le=65535, description="TCP port to listen on; 0 picks a free one.")
    public_url: str = Field(
        default="", description="URL under which clients reach the service, if it runs behind a proxy."
    )
    embedders: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Origins that may show the service's pages in a frame, comma-separated, such as "
        "https://museum.example.",
    )
    tls_cert: Path | None = Field(
        default=None, description="Certificate in PEM, its chain included; the service then speaks https and wss."
    )
    tls_key: Path | None = Field(default=None, description="Private key of tls_cert in PEM.")
    tls_self_signed: bool = Field(
        default=False,
        description="Speak https with a certificate that the service makes itself; browsers warn of it, and then give "
        "the microphone.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Log level: debug, info, warning or error."
    )
    tokens: SecretStr | None = Field(
        default=None,
        description="Static Bearer tokens as comma-separated `user:token` pairs, beside those of `glow token create`.",
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read files of GLOW_SECRETS_DIR after the environment."""
        folder = os.environ.get(SECRETS_DIR, "")
        if not folder or not Path(folder).is_dir():  # the field says so
            return init_settings, env_settings, dotenv_settings, file_secret_settings
        return init_settings, env_settings, dotenv_settings, SecretsSettingsSource(settings_cls, folder)

    @field_validator("secrets_dir")
    @classmethod
    def _is_there(cls, value: Path | None) -> Path | None:
        if value is not None and not value.is_dir():
            raise ValueError("There must be a directory of that name")
        return value

    @field_validator("tls_cert", "tls_key")
    @classmethod
    def _expand_home(cls, path: Path | None) -> Path | None:
        return path and path.expanduser()

    @field_validator("embedders", mode="before")
    @classmethod
    def _split_origins(cls, value: Any) -> Any:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("embedders")
    @classmethod
    def _are_origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if any(not ORIGIN.fullmatch(origin) for origin in value):
            raise ValueError("Each must be an origin, scheme and host, such as https://museum.example")
        return value

    @field_validator("log_level", mode="before")
    @classmethod
    def _lower(cls, value: Any) -> Any:
        return value.lower() if isinstance(value, str) else value

    @field_validator("public_url")
    @classmethod
    def _is_public_url(cls, value: str) -> str:
        return http_url(value)

    @field_validator("tokens")
    @classmethod
    def _has_pairs(cls, value: SecretStr | None) -> SecretStr | None:
        for user, token in _pairs(value):
            if not user or len(token) < 16:
                raise ValueError("Each entry must be user:token, and the token must have at least 16 characters")
        return value

    @model_validator(mode="after")
    def _one_certificate(self) -> "ServingSettings":
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError("GLOW_TLS_CERT and GLOW_TLS_KEY go together: set both")
        if self.tls_cert is not None and self.tls_self_signed:
            raise ValueError("GLOW_TLS_SELF_SIGNED is for a service without GLOW_TLS_CERT: set one of them")
        return self

    @property
    def scheme(self) -> Literal["http", "https"]:
        """The scheme that the service itself speaks."""
        return "https" if self.tls_cert is not None or self.tls_self_signed else "http"

    @property
    def static_tokens(self) -> dict[str, str]:
        """The user names by static token."""
        return {token: user for user, token in _pairs(self.tokens)}

    @property
    def is_loopback(self) -> bool:
        """Whether the service listens on loopback only."""
        return self.host in LOOPBACK


def http_url(value: str) -> str:
    """Return a URL without its last slash; an empty one as it is.

    Raises:
        ValueError: it is no http URL.
    """
    if value and (urlsplit(value).scheme not in {"http", "https"} or not urlsplit(value).hostname):
        raise ValueError("it must be a URL that begins with http:// or https://")
    return value.rstrip("/")


def _pairs(tokens: SecretStr | None) -> list[tuple[str, str]]:
    entries = tokens.get_secret_value().split(",") if tokens else []
    parted = [entry.strip().partition(":") for entry in entries if entry.strip()]
    return [(user.strip(), token.strip()) for user, _, token in parted]
