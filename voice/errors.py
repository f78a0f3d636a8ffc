"""Typed errors of the sound floor. Each message is a sentence that says what to do."""


class VoiceError(Exception):
    """Base of every error that voice/ raises on purpose.

    Attributes:
        code: stable identifier that a client may switch on.
    """

    code = "voice_error"


class InvalidAudio(VoiceError):
    """The samples cannot be what they claim to be: NaN, infinite, empty, truncated or oversized."""

    code = "invalid_audio"


class UnsupportedFormat(VoiceError):
    """An encoding, rate or channel count that this service does not speak."""

    code = "unsupported_format"


class EngineUnavailable(VoiceError):
    """The engine's files or its server are not there; the message names the command that gets them."""

    code = "engine_unavailable"


class EngineFailed(VoiceError):
    """The engine was asked and broke."""

    code = "engine_failed"


class EngineBusy(VoiceError):
    """The engine's bounded queue is full; ask again later."""

    code = "engine_busy"


class Cancelled(VoiceError):
    """The caller no longer wants the result."""

    code = "cancelled"
