"""The settings of the Wyoming door: its ports, and the satellites that the service dials."""

import re

from pydantic import Field, field_validator

from api.settings.serving import ServingSettings

_NUMBER = re.compile(r"\d{1,5}")
_SATELLITE = re.compile(r"tcp://([^\s/:,=]+|\[[0-9a-fA-F:]+\]):(\d{1,5})(=.{1,200})?")


class WyomingSettings(ServingSettings):
    """The Wyoming door's settings; `Settings` has all."""

    wyoming: str = Field(
        default="",
        description="TCP ports for Home Assistant (Wyoming), comma-separated, each with one persona: `10300` has the "
        "first one, `10301=Dana Whitfield` the one of that name, or of a practice.",
    )
    wyoming_host: str = Field(
        default="127.0.0.1",
        description="Address that the Wyoming ports listen on. The protocol has no passwords: open it to a network "
        "that you trust only.",
    )
    wyoming_user: str = Field(
        default="home", min_length=1, max_length=200, description="User whose chats those of the Wyoming ports are."
    )
    wyoming_zeroconf: bool = Field(
        default=False, description="Announce the Wyoming ports on the local network (needs the extra `wyoming`)."
    )
    wyoming_padding_ms: int = Field(
        default=0,
        ge=0,
        le=2000,
        description="Silence in ms before and after what a Wyoming port speaks, for players that cut its first or last "
        "word off.",
    )
    wyoming_wake: str = Field(
        default="",
        description="Wake word service (wyoming-openwakeword) for satellites that stream always, such as "
        "`tcp://127.0.0.1:10400`: they are listened to from its word on. Without it, always.",
    )
    satellites: str = Field(
        default="",
        description="Wyoming satellites to dial, beside those of `glow satellite add`, comma-separated, such as "
        "`tcp://kitchen:10700` or `tcp://kitchen:10700=Dana Whitfield`.",
    )

    @field_validator("wyoming")
    @classmethod
    def _has_ports(cls, value: str) -> str:
        for part in _parts(value):
            number, _, _ = part.partition("=")
            if not _NUMBER.fullmatch(number.strip()) or int(number) > 65535:
                raise ValueError("Each must be a port, or a port and a persona, such as 10300,10301=Dana Whitfield")
        return value

    @field_validator("wyoming_wake")
    @classmethod
    def _is_service(cls, value: str) -> str:
        if value and ("=" in value or not _SATELLITE.fullmatch(value)):
            raise ValueError("write the address of a wake word service, such as tcp://127.0.0.1:10400")
        return value

    @field_validator("satellites")
    @classmethod
    def _has_addresses(cls, value: str) -> str:
        if any(not _SATELLITE.fullmatch(part) for part in _parts(value)):
            raise ValueError("Each must be the address of a satellite, such as tcp://kitchen:10700")
        return value

    @property
    def wyoming_ports(self) -> list[tuple[int, str | None]]:
        """The ports, each with the name of its persona or practice, None for the first one."""
        pairs = (part.partition("=") for part in _parts(self.wyoming))
        return [(int(number), name.strip() or None) for number, _, name in pairs]

    @property
    def wyoming_wake_place(self) -> tuple[str, int] | None:
        """The host and the port of the wake word service; None for none."""
        host, _, port = self.wyoming_wake.removeprefix("tcp://").rpartition(":")
        return (host.strip("[]"), int(port)) if host else None

    @property
    def satellite_addresses(self) -> list[tuple[str, str | None]]:
        """The satellites' addresses, each with the name of its persona or practice."""
        pairs = (part.partition("=") for part in _parts(self.satellites))
        return [(address.strip(), name.strip() or None) for address, _, name in pairs]


def _parts(value: str) -> list[str]:
    return [part.strip() for part in value.split(",") if part.strip()]
