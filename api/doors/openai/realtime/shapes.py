"""The session of the Realtime interface as clients send it: parts of it, validated; what is not known is ignored."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

PCM_RATE = 24_000

TAGS = frozenset(
    ("audio/pcm", "audio/pcmu", "audio/pcma", "server_vad", "semantic_vad", "function", "realtime", "transcription")
)
"""Kinds in the unions below, which pydantic names among the fields."""

Metadata = dict[Annotated[str, Field(max_length=64)], Annotated[str, Field(max_length=512)]]


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)


class PcmWire(_Part):
    type: Literal["audio/pcm"]
    rate: int = PCM_RATE

    @field_validator("rate")
    @classmethod
    def _is_the_only_one(cls, rate: int) -> int:
        if rate != PCM_RATE:
            raise ValueError(f"the rate of audio/pcm is {PCM_RATE}")
        return rate


class UlawFormat(_Part):
    type: Literal["audio/pcmu"]


class AlawFormat(_Part):
    type: Literal["audio/pcma"]


WireFormat = Annotated[PcmWire | UlawFormat | AlawFormat, Field(discriminator="type")]


class ServerVad(_Part):
    """Turns end after a fixed silence."""

    type: Literal["server_vad"]
    threshold: float = Field(default=0.5, ge=0, le=1)
    prefix_padding_ms: int = Field(default=300, ge=0, le=10_000)
    silence_duration_ms: int = Field(default=500, ge=0, le=10_000)
    idle_timeout_ms: int | None = Field(default=None, ge=1_000, le=600_000)
    create_response: bool = True
    interrupt_response: bool = True


class SemanticVad(_Part):
    """Turns end after a silence that depends on the words."""

    type: Literal["semantic_vad"]
    eagerness: Literal["low", "medium", "high", "auto"] = "auto"
    create_response: bool = True
    interrupt_response: bool = True


TurnDetection = Annotated[ServerVad | SemanticVad, Field(discriminator="type")]


class FunctionTool(_Part):
    """A tool of the client's."""

    type: Literal["function"] = "function"
    name: str = Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")
    description: str | None = Field(default=None, max_length=20_000)
    parameters: dict[str, Any] | None = None

    @field_validator("type", mode="before")
    @classmethod
    def _is_a_function(cls, kind: Any) -> Any:
        if kind == "mcp":
            raise ValueError("MCP servers are not reached from here; give functions")
        return kind


class NamedFunction(_Part):
    type: Literal["function"]
    name: str


ToolChoice = Literal["auto", "none", "required"] | NamedFunction
Tools = Annotated[list[FunctionTool], Field(max_length=128)]
Modalities = Annotated[list[Literal["text", "audio"]], Field(min_length=1, max_length=1)]
MaxTokens = Annotated[int, Field(ge=1, le=1_000_000)] | Literal["inf"]
Instructions = Annotated[str, Field(max_length=100_000)]


class VoiceName(_Part):
    id: str


class InputPart(_Part):
    format: WireFormat | None = None
    transcription: dict[str, Any] | None = None
    noise_reduction: dict[str, Any] | None = None
    turn_detection: dict[str, Any] | None = None


class OutputPart(_Part):
    format: WireFormat | None = None
    voice: str | VoiceName | None = None
    speed: float | None = Field(default=None, ge=0.25, le=1.5)


class AudioPart(_Part):
    input: InputPart | None = None
    output: OutputPart | None = None


class SessionPart(_Part):
    """What a `session.update` may hold: only fields that are there change anything."""

    type: Literal["realtime", "transcription"]
    model: str | None = None
    output_modalities: Modalities | None = None
    instructions: Instructions | None = None
    tools: Tools | None = None
    tool_choice: ToolChoice | None = None
    max_output_tokens: MaxTokens | None = None
    tracing: Any = None
    prompt: Any = None
    truncation: Any = None
    include: list[str] | None = None
    audio: AudioPart | None = None


class ResponsePart(_Part):
    """What a `response.create` may hold."""

    conversation: Literal["auto", "none"] = "auto"
    input: list[dict[str, Any]] | None = Field(default=None, max_length=1_000)
    instructions: Instructions | None = None
    tools: Tools | None = None
    tool_choice: ToolChoice | None = None
    output_modalities: Modalities | None = None
    max_output_tokens: MaxTokens | None = None
    metadata: Metadata | None = None

    @field_validator("conversation", mode="before")
    @classmethod
    def _null_is_the_usual(cls, name: Any) -> Any:
        return "auto" if name is None else name
