"""The settings of personas' tools."""

from typing import Annotated, Any

from pydantic import Field, field_validator
from pydantic_settings import NoDecode

from api.settings.serving import ServingSettings


class ToolSettings(ServingSettings):
    """The settings of personas' tools; `Settings` has all."""

    tool_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Hosts, addresses and networks that personas' tools may call although they are not public, "
        "comma-separated, such as orders.local,10.0.0.0/8.",
    )
    tool_filler_s: float = Field(
        default=2.0,
        ge=0,
        le=60,
        description="Seconds that a tool may take in a call until the persona says that it is looking; 0 disables it.",
    )

    @field_validator("tool_hosts", mode="before")
    @classmethod
    def _split_hosts(cls, value: Any) -> Any:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value
