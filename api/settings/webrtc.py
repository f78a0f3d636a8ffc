"""The settings of calls over WebRTC: ports, addresses, and servers that help connections through routers."""

import re
from ipaddress import ip_address

from pydantic import Field, SecretStr, field_validator

from api.settings.serving import ServingSettings

_PORTS = re.compile(r"(\d{4,5})-(\d{4,5})")
_SERVER = r"[^\s?:]+(:\d{1,5})?"
_STUN = re.compile(rf"stun:{_SERVER}")
_TURN = re.compile(rf"turns?:{_SERVER}(\?transport=(udp|tcp))?")


class WebRtcSettings(ServingSettings):
    """WebRTC's settings; `Settings` has all."""

    webrtc_ports: str = Field(
        default="",
        description="UDP ports of calls over WebRTC (extra `webrtc`), such as 50000-50100, one a call and address of "
        "the machine; empty for any free ones.",
    )
    webrtc_address: str = Field(
        default="",
        description="IP address at which clients reach those ports, beside the machine's own: in a container, or "
        "behind a router that forwards them.",
    )
    webrtc_calls: int = Field(
        default=50, ge=1, le=10_000, description="Maximum number of calls over WebRTC, those that connect included."
    )
    webrtc_stun: str = Field(
        default="",
        description="STUN server by which the service finds its public address, such as stun:stun.example.org:3478.",
    )
    webrtc_turn: str = Field(
        default="",
        description="TURN server that relays calls over WebRTC, such as turn:turn.example.org:3478?transport=udp.",
    )
    webrtc_turn_user: str = Field(default="", description="User name at the TURN server.")
    webrtc_turn_password: SecretStr | None = Field(default=None, description="Password at the TURN server.")

    @field_validator("webrtc_ports")
    @classmethod
    def _is_range(cls, value: str) -> str:
        found = _PORTS.fullmatch(value)
        if value and (found is None or not 1023 < int(found[1]) <= int(found[2]) < 65536):
            raise ValueError("write a range of ports above 1023, such as 50000-50100")
        return value

    @field_validator("webrtc_address")
    @classmethod
    def _is_address(cls, value: str) -> str:
        if value:
            try:
                ip_address(value)
            except ValueError:
                raise ValueError("write an IP address, such as 203.0.113.7") from None
        return value

    @field_validator("webrtc_stun")
    @classmethod
    def _is_stun(cls, value: str) -> str:
        if value and not _STUN.fullmatch(value):
            raise ValueError("write it as stun:host:port")
        return value

    @field_validator("webrtc_turn")
    @classmethod
    def _is_turn(cls, value: str) -> str:
        if value and not _TURN.fullmatch(value):
            raise ValueError("write it as turn:host:port, perhaps with ?transport=tcp")
        return value

    @property
    def webrtc_port_range(self) -> range | None:
        """The ports; None for any."""
        first, _, last = self.webrtc_ports.partition("-")
        return range(int(first), int(last) + 1) if self.webrtc_ports else None
