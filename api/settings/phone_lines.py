"""The settings of the telephone lines without a carrier: SIP and Asterisk."""

import ipaddress
import re
from typing import Annotated, Any

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import NoDecode

from api.settings.serving import ServingSettings

_ENDPOINT = re.compile(r"(\[[0-9a-fA-F:]+\]|[^\[\]:]+):(\d{1,5})")
_PORTS = re.compile(r"(\d{4,5})-(\d{4,5})")
_ACCOUNT = re.compile(r"sip:[^@\s:;]+@[^@\s:;]+(:\d{1,5})?")
SIP_CODECS = ("opus", "g722", "pcmu", "pcma")

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class PhoneLineSettings(ServingSettings):
    """The settings of these lines; `Settings` has all."""

    phone_sip: str = Field(
        default="", description="Address on which SIP calls come in, such as 0.0.0.0:5060 (UDP); without it none do."
    )
    phone_sip_host: str = Field(
        default="",
        description="Address that SIP callers are told, where it is not that of the interface, as behind a NAT.",
    )
    phone_sip_rtp_ports: str = Field(
        default="20000-20999", description="UDP ports for the audio of SIP calls, two a call."
    )
    phone_sip_allow: Annotated[tuple[str, ...], NoDecode] = Field(
        default=("127.0.0.0/8", "::1/128"),
        description="Networks whose SIP calls are taken without a password, comma-separated: your PBX or trunk.",
    )
    phone_sip_users: SecretStr | None = Field(
        default=None, description="SIP phones that call from anywhere, as comma-separated `user:password` pairs."
    )
    phone_sip_account: str = Field(
        default="", description="Where to register, such as sip:glow@pbx.example.org:5060; its calls are taken, too."
    )
    phone_sip_password: SecretStr | None = Field(default=None, description="Password of phone_sip_account.")
    phone_sip_codecs: Annotated[tuple[str, ...], NoDecode] = Field(
        default=SIP_CODECS, description="Codecs of SIP calls, comma-separated, of opus, g722, pcmu and pcma."
    )
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

    @field_validator("phone_sip", "phone_audiosocket")
    @classmethod
    def _is_endpoint(cls, value: str) -> str:
        if value:
            endpoint(value)
        return value

    @field_validator("phone_sip_rtp_ports")
    @classmethod
    def _is_range(cls, value: str) -> str:
        found = _PORTS.fullmatch(value.replace(" ", ""))
        if found is None or not 1024 <= int(found[1]) < int(found[2]) <= 65_535:
            raise ValueError("write a range of ports above 1023, such as 20000-20999")
        return value.replace(" ", "")

    @field_validator("phone_sip_allow", "phone_sip_codecs", mode="before")
    @classmethod
    def _split_list(cls, value: Any) -> Any:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("phone_sip_allow")
    @classmethod
    def _are_networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for network in value:
            try:
                ipaddress.ip_network(network)
            except ValueError:
                raise ValueError("each must be an address or a network, such as 192.0.2.7 or 10.0.0.0/8") from None
        return value

    @field_validator("phone_sip_codecs")
    @classmethod
    def _are_codecs(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        lower = tuple(one.lower() for one in value)
        if not lower or not set(lower) <= set(SIP_CODECS):
            raise ValueError(f"each must be one of {', '.join(SIP_CODECS)}")
        return lower

    @field_validator("phone_sip_account")
    @classmethod
    def _is_account(cls, value: str) -> str:
        if value and not _ACCOUNT.fullmatch(value):
            raise ValueError("write it as sip:name@host or sip:name@host:port")
        return value

    @field_validator("phone_sip_users")
    @classmethod
    def _are_users(cls, value: SecretStr | None) -> SecretStr | None:
        for name, password in _users(value):
            if not name or len(password) < 8:
                raise ValueError("each must be user:password, and the password must have at least 8 characters")
        return value

    @property
    def sip_ports(self) -> tuple[int, int]:
        """The first and the last port for the audio of SIP calls."""
        first, _, last = self.phone_sip_rtp_ports.partition("-")
        return int(first), int(last)

    @property
    def sip_networks(self) -> tuple[Network, ...]:
        """The networks whose SIP calls need no password."""
        return tuple(ipaddress.ip_network(one) for one in self.phone_sip_allow)

    @property
    def sip_users(self) -> dict[str, str]:
        """The passwords of SIP phones by name."""
        return dict(_users(self.phone_sip_users))


def endpoint(value: str) -> tuple[str, int]:
    """Split an address and its port.

    Raises:
        ValueError: it has another form.
    """
    found = _ENDPOINT.fullmatch(value)
    if found is None or int(found[2]) > 65_535:
        raise ValueError("write it as address:port, such as 127.0.0.1:5060")
    return found[1].strip("[]"), int(found[2])


def _users(users: SecretStr | None) -> list[tuple[str, str]]:
    entries = users.get_secret_value().split(",") if users else []
    parts = (entry.strip().partition(":") for entry in entries if entry.strip())
    return [(name.strip(), password) for name, _, password in parts]
