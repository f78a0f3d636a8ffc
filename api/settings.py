"""Every setting of the service in one typed place: the environment (GLOW_...) and a .env file, each with a default."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AliasChoices, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from api.addresses import LOOPBACK

PREFIX = "GLOW_"
# Read by the client commands, not by the service.
CLIENT_VARIABLES = frozenset({"GLOW_TOKEN", "GLOW_INSTANCE_URL"})
_PASSWORD = re.compile(r"(://[^:/@\s]*:)[^@\s]*@")


def _default_data_dir() -> Path:
    base = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(base).expanduser() / "glow-voice"


class Settings(BaseSettings):
    """What an operator may choose; without any of it the service runs on the embedded engines."""

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

    host: str = Field(
        default="127.0.0.1", description="Address to listen on; 0.0.0.0 opens the service to the network."
    )
    port: int = Field(default=8010, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    public_url: str = Field(
        default="", description="URL that clients reach the service at, where a proxy stands in front of it."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="How much is logged.")
    tokens: SecretStr | None = Field(
        default=None,
        description="Fixed Bearer tokens, `user:token` separated by commas, besides those of `glow token create`.",
    )

    data_dir: Path = Field(
        default_factory=_default_data_dir,
        description="Where the database, the models and the recordings are kept.",
        json_schema_extra={"shown": "~/.local/share/glow-voice"},
    )
    database_url: str = Field(
        default_factory=lambda known: f"sqlite+aiosqlite:///{known.get('data_dir', _default_data_dir())}/glow.db",
        repr=False,
        description="SQLAlchemy URL of the database, with an asynchronous driver.",
        json_schema_extra={"shown": "sqlite+aiosqlite:///<data_dir>/glow.db"},
    )
    models_dir: Path = Field(
        default_factory=lambda known: known.get("data_dir", _default_data_dir()) / "models",
        description="Where `glow models pull` puts models and voices, and where they are looked for.",
        json_schema_extra={"shown": "<data_dir>/models"},
    )
    packs: Annotated[tuple[Path, ...], NoDecode] = Field(
        default=(),
        description="More content packs (YAML files or folders), separated by commas, besides the packaged one.",
    )

    stt: str = Field(default="auto", description="Speech to text: auto, or one that `glow models` lists.")
    stt_language: str = Field(
        default="en",
        description="Language that is spoken to the service, as a BCP 47 tag; auto hears it once in each call.",
    )
    stt_device: Literal["auto", "cpu", "cuda"] = Field(default="auto", description="Where faster-whisper runs.")
    stt_base_url: str = Field(default="", description="Server for stt=openai; empty takes openai_base_url.")
    stt_model: str = Field(default="whisper-1", description="Model that is asked of the server when stt=openai.")
    whisper_compute_type: str = Field(
        default="auto", description="Number format of faster-whisper: auto, int8, float16, float32."
    )
    whisper_window: Literal["short", "full"] = Field(
        default="short", description="What Whisper encodes: the utterance and a margin (short), or always 30 s (full)."
    )

    stt_process: bool = Field(
        default=True, description="Run the embedded recogniser in a process of its own, at lower priority."
    )
    stt_timeout_s: float = Field(
        default=15.0, gt=0, le=600, description="Seconds that a transcript may take, queueing and restarts included."
    )

    tts: str = Field(default="auto", description="Text to speech: auto, or one that `glow models` lists.")
    tts_base_url: str = Field(default="", description="Server for tts=openai; empty takes openai_base_url.")
    tts_model: str = Field(default="gpt-4o-mini-tts", description="Model that is asked of the server when tts=openai.")
    tts_voice: str = Field(default="alloy", description="Its voice, for personas that name none.")

    llm: Literal["auto", "scripted", "openai"] = Field(
        default="auto",
        description="Who answers: scripted, openai (any compatible server), or auto: openai where one is set.",
    )
    llm_model: str = Field(default="gpt-4o-mini", description="Model that is asked of the server.")
    llm_first_token_s: float = Field(
        default=8.0, gt=0, le=120, description="Seconds to wait for the first word of a reply."
    )
    llm_timeout_s: float = Field(default=30.0, gt=0, le=600, description="Seconds that a whole reply may take.")
    openai_base_url: str = Field(
        default="",
        validation_alias=AliasChoices("GLOW_OPENAI_BASE_URL", "OPENAI_BASE_URL"),
        description="Any OpenAI-compatible server; also read from OPENAI_BASE_URL.",
    )
    openai_api_key: SecretStr | None = Field(
        default=None,
        validation_alias=AliasChoices("GLOW_OPENAI_API_KEY", "OPENAI_API_KEY"),
        description="Its key; also read from OPENAI_API_KEY.",
    )

    endpoint_ms: int = Field(default=500, ge=200, le=5000, description="Silence in milliseconds that ends a turn.")
    complete_ms: int = Field(
        default=350, ge=200, le=5000, description="The same after a question or thanks: what reads as complete."
    )
    unfinished_ms: int = Field(
        default=1400, ge=200, le=10_000, description='The same after what reads as unfinished, such as "my number is".'
    )
    end_of_turn_model: Path | None = Field(
        default=None,
        description="What hears whether a turn is over: smart-turn, or a Smart Turn v3 .onnx file; empty for none.",
    )
    eager_ms: int = Field(
        default=180, ge=60, le=2000, description="Silence after which the answer is prepared, not yet spoken."
    )
    interrupt_ms: int = Field(
        default=300,
        ge=80,
        le=5000,
        description="Speech over the persona that interrupts it once it has words; less takes more noise for it.",
    )
    interrupt_without_words_ms: int = Field(
        default=600, ge=80, le=10_000, description="The same while the recogniser has no words for it yet."
    )
    prompt_after_s: float = Field(
        default=0.0, ge=0, description="Seconds of silence after which the persona asks once who is there; 0 for never."
    )
    goodbye_after_s: float = Field(
        default=0.0,
        ge=0,
        description="Seconds of further silence after which the persona says goodbye and ends the call; 0 for never.",
    )
    longest_call_s: float = Field(
        default=0.0, ge=0, description="Seconds that a call may last; the persona says when they are over; 0 for any."
    )
    call_warning_s: float = Field(
        default=60.0, ge=0, description="Seconds before that at which the persona says so; 0 for no warning."
    )
    persona_hangs_up: bool = Field(
        default=True, description="Let the persona end a call: by a cue of its content, or by a tool of its model."
    )
    frames_gap_s: float = Field(
        default=1.0,
        ge=0.1,
        le=60,
        description="Seconds without audio from the client, in the middle of an utterance, after which it has ended.",
    )
    max_calls: int = Field(
        default=100, ge=1, description="Voice sessions that are carried at once; one more is told to come back."
    )
    idle_s: float = Field(
        default=300.0, gt=0, description="Seconds without any message after which a session is ended."
    )
    record_calls: bool = Field(
        default=False,
        description="Keep a stereo recording of every call; turn it on only where all who speak have consented.",
    )
    record_announcement: str = Field(
        default="",
        max_length=1000,
        description="Spoken before anything else in a call that is recorded; the recording begins when it was heard.",
    )
    resume_s: float = Field(default=60.0, ge=0, description="Seconds in which a dropped connection can be resumed.")
    requests_per_minute: int = Field(
        default=600, ge=1, description="Requests that one user may make of the Gloo, Tutor or Glean door in a minute."
    )
    access_token_s: int = Field(
        default=3600, ge=60, le=86400, description="Seconds that an access token of POST /oauth2/token is good for."
    )
    max_message_bytes: int = Field(
        default=128 * 1024, ge=4096, le=16 * 1024 * 1024, description="Largest websocket message that is read."
    )
    max_queue: int = Field(
        default=64, ge=1, description="Jobs that may wait for the engines before callers are told it is busy."
    )
    worker_threads: int = Field(default=2, ge=1, le=64, description="Threads that run the engines.")

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

    @field_validator("log_level", mode="before")
    @classmethod
    def _lower(cls, value: Any) -> Any:
        return value.lower() if isinstance(value, str) else value

    @field_validator("public_url", "openai_base_url", "stt_base_url", "tts_base_url")
    @classmethod
    def _is_http_url(cls, value: str) -> str:
        if value and (urlsplit(value).scheme not in {"http", "https"} or not urlsplit(value).hostname):
            raise ValueError("it must be a URL that begins with http:// or https://")
        return value.rstrip("/")

    @field_validator("database_url")
    @classmethod
    def _is_async_url(cls, value: str) -> str:
        if "+" not in value.partition("://")[0]:
            raise ValueError("It must name an asynchronous driver, such as sqlite+aiosqlite:///glow.db")
        return value

    @field_validator("tokens")
    @classmethod
    def _has_pairs(cls, value: SecretStr | None) -> SecretStr | None:
        for user, token in _pairs(value):
            if not user or len(token) < 16:
                raise ValueError("Each entry must be user:token, and the token must have at least 16 characters")
        return value

    @model_validator(mode="after")
    def _eager_comes_first(self) -> "Settings":
        if self.eager_ms >= self.endpoint_ms:
            raise ValueError("GLOW_EAGER_MS must be smaller than GLOW_ENDPOINT_MS")
        return self

    @property
    def static_tokens(self) -> dict[str, str]:
        """User name by fixed token."""
        return {token: user for user, token in _pairs(self.tokens)}

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach the service."""
        return self.host in LOOPBACK


def _pairs(tokens: SecretStr | None) -> list[tuple[str, str]]:
    entries = tokens.get_secret_value().split(",") if tokens else []
    parted = [entry.strip().partition(":") for entry in entries if entry.strip()]
    return [(user.strip(), token.strip()) for user, _, token in parted]


@dataclass(frozen=True, slots=True)
class Row:
    """One setting as it is shown: never a secret."""

    name: str
    variable: str
    value: str
    default: str
    help: str


def rows(settings: Settings | None = None) -> list[Row]:
    """List the settings with their values; without `settings`, with their defaults, as the README shows them."""
    listed = []
    for name, field in Settings.model_fields.items():
        extra = field.json_schema_extra if isinstance(field.json_schema_extra, Mapping) else {}
        default = str(extra["shown"]) if "shown" in extra else _shown(field.get_default())
        value = default if settings is None else _shown(getattr(settings, name))
        listed.append(Row(name, PREFIX + name.upper(), value, default, field.description or ""))
    return listed


def _shown(value: object) -> str:
    match value:
        case None:
            return ""
        case SecretStr():
            return "****"
        case tuple():
            return ",".join(str(part) for part in value)
        case _:
            return _PASSWORD.sub(r"\1****@", str(value))


def markdown_table() -> str:
    """The settings table of the README."""
    lines = ["| variable | default | what it is |", "|---|---|---|"]
    for row in rows():
        default = f"`{row.default}`" if row.default else ""
        lines.append(f"| `{row.variable}` | {default} | {row.help} |")
    return "\n".join(lines)


def explain(error: ValidationError) -> list[str]:
    """One sentence for each setting that cannot be used, naming the variable and never its value."""
    sentences = []
    for problem in error.errors(include_url=False, include_context=False, include_input=False):
        if problem["type"] == "default_factory_not_called":
            continue  # a consequence of another field's problem
        text = problem["msg"].removeprefix("Value error, ").rstrip(".")
        if not problem["loc"]:
            sentences.append(f"{text}.")
            continue
        name = str(problem["loc"][0])
        variable = name if name.isupper() else PREFIX + name.upper()
        field = Settings.model_fields.get(name.lower().removeprefix(PREFIX.lower()))
        meaning = f" ({field.description})" if field and field.description else ""
        sentences.append(f"{variable} cannot be used: {text[0].lower()}{text[1:]}.{meaning}")
    return sentences


def unknown_variables(environment: Mapping[str, str]) -> list[str]:
    """Name the GLOW_ variables that no setting reads: most often a misspelt one."""
    known = {PREFIX + name.upper() for name in Settings.model_fields} | CLIENT_VARIABLES
    return sorted(name for name in environment if name.upper().startswith(PREFIX) and name.upper() not in known)
