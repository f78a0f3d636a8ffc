"""Typed errors of the sound floor. Each message is a sentence that says what to do."""


class VoiceError(Exception):
    """Base of every error that voice/ raises on purpose.

    Attributes:
        code: stable identifier that a client may switch on.
        http_status: what a request that fails with it is answered with; 500 is the service's own failure, of which a
            client is told no more.
    """

    code = "voice_error"
    http_status = 500


class InvalidAudio(VoiceError):
    """The samples cannot be what they claim to be: NaN, infinite, empty, truncated or oversized."""

    code = "invalid_audio"
    http_status = 400


class UnsupportedFormat(VoiceError):
    """An encoding, rate or channel count that this service does not speak."""

    code = "unsupported_format"
    http_status = 400


class EngineUnavailable(VoiceError):
    """The engine's files or its server are not there; the message names the command that gets them."""

    code = "engine_unavailable"
    http_status = 503


class EngineFailed(VoiceError):
    """The engine was asked and broke."""

    code = "engine_failed"
    http_status = 502


class EngineBusy(VoiceError):
    """The engine's bounded queue is full; ask again later."""

    code = "engine_busy"
    http_status = 429


class Cancelled(VoiceError):
    """The caller no longer wants the result."""

    code = "cancelled"
