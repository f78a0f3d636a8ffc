"""The names of everything that is measured, in one place: the gen_ai conventions of OpenTelemetry are still moving.

The gen_ai names are those of the semantic conventions for generative AI (status: development); all others are ours.
"""

from collections.abc import Mapping

BUCKETS_S = (0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0)
"""Boundaries of the histograms of latency, in seconds."""

LAG_BUCKETS_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1.0)
"""Boundaries of the histograms of the event loop's lag and of waiting in a queue, in seconds."""

BATCHES = (1, 2, 3, 4, 6, 8, 12, 16)
"""Boundaries of the histogram of batches, in utterances."""

TOKENS = (1, 4, 16, 64, 256, 1024, 4096, 16_384, 65_536, 262_144, 1_048_576)
"""Boundaries of the histogram of tokens: those of the conventions, as far as a prompt of ours can be long."""

CONVERSATION = "gen_ai.conversation.id"
OPERATION, PROVIDER, MODEL = "gen_ai.operation.name", "gen_ai.provider.name", "gen_ai.request.model"
TOKEN_USAGE, TOKEN_TYPE = "gen_ai.client.token.usage", "gen_ai.token.type"
OPERATION_DURATION = "gen_ai.client.operation.duration"
TIME_TO_FIRST_CHUNK = "gen_ai.client.operation.time_to_first_chunk"

ERROR = "error.type"
TURN, DISCARDED, INTERRUPTED = "glow.turn", "glow.discarded", "glow.interrupted"
HEARD_MS, REVISION, FIRST_TOKEN_MS = "glow.heard_ms", "glow.revision", "glow.first_token_ms"

STAGE_METRICS: Mapping[str, str] = {
    "endpoint_ms": "glow.turn.endpoint",
    "stt_ms": "glow.turn.stt",
    "llm_ms": "glow.turn.llm_first_token",
    "tts_ms": "glow.turn.tts_first_audio",
    "voice_to_voice_ms": "glow.turn.voice_to_voice",
}
"""The histogram of each stage of `TurnLatency`."""

CALLS_ACTIVE, CALLS_LIMIT, CALLS_DRAINING = "glow.calls.active", "glow.calls.limit", "glow.calls.draining"
CALLS_ENDED = "glow.calls.ended"
CALLS_ADOPTED, CALLS_LOST = "glow.call.adopted", "glow.call.lost"
LOAD = "glow.load"
INTERRUPTIONS = "glow.interruptions"
PROBLEMS = "glow.problems"
UNDERRUNS = "glow.audio.underruns"
QUEUE_WAIT = "glow.engine.queue.wait"
BATCH_SIZE, RESTARTS = "glow.engine.batch.size", "glow.engine.restarts"
PARTIALS_DROPPED = "glow.partials.dropped"
STORE_DURATION, WRITER_QUEUE = "glow.store.duration", "glow.writer.queue"
BUS_LAG, BUS_DROPPED, BUS_CONNECTED = "glow.bus.lag", "glow.bus.dropped", "glow.bus.connected"
LOOP_LAG = "glow.event_loop.lag"

OPERATIONS: Mapping[str, str] = {"transcribe": "transcribe", "invoke_llm": "chat", "speech": "speech"}
"""The gen_ai operation of each stage of a turn."""
