"""The settings of several processes that are one service."""

from pydantic import Field, SecretStr, field_validator

from api.settings.serving import ServingSettings, http_url

SHORTEST_SECRET = 16

NO_LINES = {"wyoming": "", "satellites": "", "phone_sip": "", "phone_sip_account": "", "phone_audiosocket": ""}
"""What all gateways of a machine but the first leave to it."""


class FleetSettings(ServingSettings):
    """How the processes of one database reach each other; `Settings` has all."""

    workers: int = Field(
        default=1,
        ge=1,
        le=64,
        description="Number of gateways that `glow serve` runs, each a process with its own port; a proxy spreads the "
        "calls over them (`glow proxy-config`).",
    )
    port_base: int = Field(
        default=0,
        ge=0,
        le=65_000,
        description="Port of the first of several gateways; the others follow. 0: the one after `port`, which is the "
        "proxy's then.",
    )
    gateway_number: int = Field(
        default=0,
        ge=0,
        le=1000,
        description="Number of this process among the gateways of one machine; only gateway 0 takes telephone calls "
        "from lines of its own, opens ports for Wyoming and dials satellites.",
    )
    gateway_secret: SecretStr | None = Field(
        default=None,
        description="Secret that the processes of one database share, of at least 16 characters: with it they hand "
        "calls and requests to each other (`glow serve --workers` makes one).",
    )
    gateway_address: str = Field(
        default="",
        description="URL under which the other processes reach this one; by default the address that it listens on.",
    )

    @property
    def first_port(self) -> int:
        """The port of the first of several gateways."""
        return self.port_base or self.port + 1

    @field_validator("gateway_secret")
    @classmethod
    def _is_long(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and len(value.get_secret_value()) < SHORTEST_SECRET:
            raise ValueError(f"It must have at least {SHORTEST_SECRET} characters")
        return value

    @field_validator("gateway_address")
    @classmethod
    def _is_reached_by_http(cls, value: str) -> str:
        return http_url(value)
