"""The setting of what several processes of the service tell each other by."""

from urllib.parse import urlsplit

from pydantic import Field, field_validator

from api.settings.serving import ServingSettings

PG = "pg"
"""The bus by way of the database's own server."""

REDIS = ("redis", "rediss", "unix")
"""The schemes of a Redis server's URL."""


class BusSettings(ServingSettings):
    """The bus's settings; `Settings` has all."""

    bus_url: str = Field(
        default="",
        repr=False,
        description="What several processes tell each other by: pg (the PostgreSQL of database_url; no room audio) or "
        "a Redis or Valkey server such as redis://localhost:6379/0, which also shares rate limits. None by default.",
    )

    @field_validator("bus_url")
    @classmethod
    def _is_known(cls, value: str) -> str:
        if value in ("", PG) or urlsplit(value).scheme in REDIS:
            return value
        raise ValueError("it must be pg, or a URL that begins with redis://, rediss:// or unix://")
