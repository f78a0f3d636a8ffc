"""The settings of the service: typed, each with a default, read from GLOW_ environment variables and a .env file."""

import os
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AliasChoices, Field, SecretStr, field_validator, model_validator
from pydantic_settings import NoDecode

from api.settings.bus import BusSettings
from api.settings.fleet import FleetSettings
from api.settings.ray import RaySettings
from api.settings.serving import http_url
from api.settings.telemetry import TelemetrySettings
from api.settings.telephone import TelephoneSettings
from api.settings.tools import ToolSettings
from api.settings.webrtc import WebRtcSettings
from api.settings.wyoming import WyomingSettings


def _default_data_dir() -> Path:
    base = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(base).expanduser() / "glow-voice"


class Settings(
    RaySettings,
    WyomingSettings,
    TelephoneSettings,
    TelemetrySettings,
    ToolSettings,
    WebRtcSettings,
    BusSettings,
    FleetSettings,
):
    """What an operator can configure; with the defaults the service runs on the embedded engines."""

    data_dir: Path = Field(
        default_factory=_default_data_dir,
        description="Directory of the database, the models and the recordings.",
        json_schema_extra={"shown": "~/.local/share/glow-voice"},
    )
    database_url: str = Field(
        default_factory=lambda known: f"sqlite+aiosqlite:///{known.get('data_dir', _default_data_dir())}/glow.db",
        repr=False,
        description="SQLAlchemy URL of the database, with an asynchronous driver (aiosqlite or asyncpg).",
        json_schema_extra={"shown": "sqlite+aiosqlite:///<data_dir>/glow.db"},
    )
    database_connections: int = Field(
        default=6,
        ge=2,
        le=1000,
        description="Maximum number of connections of this process to a database server; times the number of processes "
        "it has to stay below PostgreSQL's max_connections (100 by default). SQLite ignores it.",
    )
    models_dir: Path = Field(
        default_factory=lambda known: known.get("data_dir", _default_data_dir()) / "models",
        description="Directory of the models and voices; `glow models pull` downloads into it.",
        json_schema_extra={"shown": "<data_dir>/models"},
    )
    packs: Annotated[tuple[Path, ...], NoDecode] = Field(
        default=(),
        description="Additional content packs (YAML files or directories), comma-separated, beside the packaged one.",
    )

    stt: str = Field(
        default="auto",
        description="Speech-to-text engine: auto (the best one installed), a name from `glow models`, or ray.",
    )
    stt_language: str = Field(
        default="en",
        description="Language that callers speak, as a BCP 47 tag; auto: the persona's, unless turns sound otherwise.",
    )
    stt_device: Literal["auto", "cpu", "cuda"] = Field(
        default="auto", description="Device that faster-whisper runs on: auto, cpu or cuda."
    )
    stt_base_url: str = Field(
        default="",
        description="Base URL of the speech-to-text server (stt=openai), or several of equal servers, comma-separated: "
        "what one fails at another does; defaults to openai_base_url.",
    )
    stt_model: str = Field(
        default="whisper-1", description="Model requested from the speech-to-text server (stt=openai)."
    )
    whisper_compute_type: str = Field(
        default="auto", description="Number format of faster-whisper's weights: auto, int8, float16 or float32."
    )
    whisper_window: Literal["short", "full"] = Field(
        default="short",
        description="Encoder window of Whisper: short (the utterance plus a margin) or full (always 30 s).",
    )

    stt_process: bool = Field(
        default=True,
        description="Run the embedded recogniser in a low-priority child process, whose crash ends no call.",
    )
    stt_processes: int = Field(
        default=0,
        ge=0,
        le=8,
        description="Number of such processes, each with a copy of the model (Whisper); 0: two from four cores on.",
    )
    stt_timeout_s: float = Field(
        default=15.0,
        gt=0,
        le=600,
        description="Timeout of a transcript in seconds, queueing and restarts of the recogniser included.",
    )

    tts: str = Field(
        default="auto",
        description="Text-to-speech engine: auto (the best one installed), a name from `glow models`, or ray.",
    )
    tts_base_url: str = Field(
        default="",
        description="Base URL of the text-to-speech server (tts=openai), or several of equal servers, comma-separated; "
        "defaults to openai_base_url.",
    )
    tts_model: str = Field(
        default="gpt-4o-mini-tts", description="Model requested from the text-to-speech server (tts=openai)."
    )
    tts_voice: str = Field(
        default="alloy",
        description="Default voice of the text-to-speech server (tts=openai), for personas that name none.",
    )

    llm: Literal["auto", "scripted", "openai"] = Field(
        default="auto",
        description="What generates replies: scripted, openai, or auto (openai if a key or base URL is set).",
    )
    llm_model: str = Field(
        default="gpt-4o-mini", description="Model requested from the language model server (llm=openai)."
    )
    llm_first_token_s: float = Field(
        default=8.0, gt=0, le=120, description="Timeout in seconds for the first token of a reply."
    )
    llm_timeout_s: float = Field(default=30.0, gt=0, le=600, description="Timeout in seconds for a whole reply.")
    llm_thinks: bool = Field(
        default=False,
        description="The model begins every answer with a thought that ends with a tag (`</think>`) and may have no "
        "opening one: nothing is said before its end. Without this the first such thought is known at its end only.",
    )
    openai_base_url: str = Field(
        default="",
        validation_alias=AliasChoices("GLOW_OPENAI_BASE_URL", "OPENAI_BASE_URL"),
        description="Base URL of an OpenAI-compatible server, including /v1; also read from OPENAI_BASE_URL.",
    )
    openai_api_key: SecretStr | None = Field(
        default=None,
        validation_alias=AliasChoices("GLOW_OPENAI_API_KEY", "OPENAI_API_KEY"),
        description="API key of that server; also read from OPENAI_API_KEY.",
    )

    embeddings: Literal["auto", "none", "packaged", "minilm", "openai"] = Field(
        default="auto",
        description="What compares texts by meaning, beside their words: none, packaged (MiniLM in eight bits), minilm "
        "(whole), openai (a server with /v1/embeddings), or auto (minilm where installed, else packaged for search).",
    )
    embeddings_model: str = Field(
        default="text-embedding-3-small", description="Model requested from the embeddings server (embeddings=openai)."
    )
    embeddings_base_url: str = Field(
        default="", description="Base URL of the embeddings server (embeddings=openai); defaults to openai_base_url."
    )

    endpoint_ms: int = Field(
        default=500,
        ge=200,
        le=5000,
        description="Endpoint delay: silence in ms that ends a turn whose text reads neither complete nor unfinished.",
    )
    complete_ms: int = Field(
        default=350,
        ge=200,
        le=5000,
        description="Endpoint delay in ms after a text that reads as complete, such as a question or thanks.",
    )
    unfinished_ms: int = Field(
        default=1400,
        ge=200,
        le=10_000,
        description='Endpoint delay in ms after a text that reads as unfinished, such as "my number is".',
    )
    end_of_turn_model: Path | None = Field(
        default=None,
        description="End-of-turn model: smart-turn, or the path of a Smart Turn v3 .onnx file; empty for none.",
    )
    eager_ms: int = Field(
        default=180,
        ge=60,
        le=2000,
        description="Silence in ms after which the reply is prepared speculatively; it plays once the turn has ended.",
    )
    partials: Literal["paced", "barge-in", "always", "never"] = Field(
        default="paced",
        description="Partial transcripts while a caller speaks: paced (the seldomer the more they cost; on telephones, "
        "which show none, as barge-in), barge-in (only over a reply, which words stop sooner), always (each 300 ms: "
        "for a recogniser with room to spare) or never (for one that is paid by the request; a barge-in then takes as "
        "long as without words).",
    )
    interrupt_ms: int = Field(
        default=300,
        ge=80,
        le=5000,
        description="Barge-in threshold in ms once the partial transcript has words. Lower values let noise interrupt.",
    )
    interrupt_without_words_ms: int = Field(
        default=600,
        ge=80,
        le=10_000,
        description="Barge-in threshold in ms while the partial transcript has no words.",
    )
    prompt_after_s: float = Field(
        default=0.0,
        ge=0,
        description="Seconds of silence after which the persona asks once whether anyone is there; 0 disables it.",
    )
    goodbye_after_s: float = Field(
        default=0.0,
        ge=0,
        description="Seconds of further silence after which the persona says goodbye and ends the call; 0 disables it.",
    )
    longest_call_s: float = Field(
        default=0.0,
        ge=0,
        description="Maximum duration of a call in seconds, at which the persona says goodbye; 0 for no limit.",
    )
    call_warning_s: float = Field(
        default=60.0,
        ge=0,
        description="Seconds before the maximum duration at which the persona announces it; 0 disables it.",
    )
    persona_hangs_up: bool = Field(
        default=True, description="Let the persona end a call, by a cue of its content or a tool call of its model."
    )
    cancel_echo: bool = Field(
        default=True,
        description="Remove the persona's own voice from the caller's audio: for clients without an echo canceller.",
    )
    frames_gap_s: float = Field(
        default=1.0,
        ge=0.1,
        le=60,
        description="Seconds without audio from the client after which an open utterance is ended.",
    )
    max_calls: int = Field(
        default=100, ge=1, description="Maximum number of concurrent calls; further ones are refused as busy."
    )
    calls_per_user: int = Field(
        default=20,
        ge=0,
        description="Maximum number of concurrent calls of one user; further ones are refused as busy. 0 disables it.",
    )
    connections_per_address: int = Field(
        default=200,
        ge=0,
        description="Maximum number of connections without a call from one network address, except from a proxy that "
        "FORWARDED_ALLOW_IPS names; further ones get 503. 0 disables it.",
    )
    guesses_per_minute: int = Field(
        default=20,
        ge=1,
        description="Maximum number of wrong client secrets per minute from one network address at POST /oauth2/token.",
    )
    idle_s: float = Field(
        default=300.0, gt=0, description="Seconds without any message from the client after which its call is ended."
    )
    act_for_unknown: bool = Field(
        default=False,
        description="Make the user of an address that nobody registered when a token acts for it (Glean's "
        "`X-Scio-Actas`); without it such a request is refused.",
    )
    record_calls: bool = Field(
        default=False,
        description="Record every call as a stereo WAV file; enable it only where everyone who speaks has consented.",
    )
    keep_days: int = Field(
        default=0,
        ge=0,
        # The second is what it was called before.
        validation_alias=AliasChoices("GLOW_KEEP_DAYS", "GLOW_RETENTION_DAYS"),
        description="Days after its last message at which an attempt is removed with its chats, recordings and grades, "
        "and a chat of the other doors; 0 keeps them.",
    )
    record_announcement: str = Field(
        default="",
        max_length=1000,
        description="Announcement that begins every recorded call; the recording begins once it was heard.",
    )
    resume_s: float = Field(
        default=60.0, ge=0, description="Seconds within which a client can resume a call whose connection dropped."
    )
    drain_s: float = Field(
        default=20.0,
        ge=0,
        le=600,
        description="Seconds that calls may take, when the service is stopped by SIGTERM, until what is being said was "
        "heard; then it is broken off.",
    )
    requests_per_minute: int = Field(
        default=600,
        ge=1,
        description="Rate limit of each of the Gloo, Tutor, Glean and OpenAI doors, in requests per user and minute.",
    )
    access_token_s: int = Field(
        default=3600,
        ge=60,
        le=86400,
        description="Lifetime in seconds of the access tokens that POST /oauth2/token issues.",
    )
    max_message_bytes: int = Field(
        default=128 * 1024,
        ge=4096,
        le=16 * 1024 * 1024,
        description="Maximum size in bytes of a websocket message from a client.",
    )
    max_queue: int = Field(
        default=64, ge=1, description="Maximum number of jobs queued for the engines; further ones are refused as busy."
    )
    worker_threads: int = Field(default=2, ge=1, le=64, description="Number of threads that run the engines.")

    @field_validator("data_dir", "models_dir", "end_of_turn_model")
    @classmethod
    def _expand(cls, path: Path | None) -> Path | None:
        return path and path.expanduser()

    @field_validator("packs", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        if isinstance(value, str):
            return tuple(Path(part.strip()).expanduser() for part in value.split(",") if part.strip())
        return value

    @field_validator("openai_base_url", "embeddings_base_url")
    @classmethod
    def _is_http_url(cls, value: str) -> str:
        return http_url(value)

    @field_validator("stt_base_url", "tts_base_url")
    @classmethod
    def _are_http_urls(cls, value: str) -> str:
        return ",".join(http_url(url.strip()) for url in value.split(",") if url.strip())

    @field_validator("database_url")
    @classmethod
    def _is_async_url(cls, value: str) -> str:
        if "+" not in value.partition("://")[0]:
            raise ValueError("It must name an asynchronous driver, such as sqlite+aiosqlite:///glow.db")
        return value

    @model_validator(mode="after")
    def _eager_comes_first(self) -> "Settings":
        if self.eager_ms >= self.endpoint_ms:
            raise ValueError("GLOW_EAGER_MS must be smaller than GLOW_ENDPOINT_MS")
        return self
