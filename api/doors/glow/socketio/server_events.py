"""Every event that the service sends to a socket, with the meaning of its fields: the source of docs/socketio.md.

The tests' sockets compare each event that they receive with it.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from api.doors.glow.operation import Operation
from api.doors.glow.table import OPERATIONS

Audience = Literal["the chat's room", "the user's sockets", "the asking socket", "the test's room"]


@dataclass(frozen=True, slots=True)
class ServerEvent:
    """One event of the service.

    Attributes:
        to: its recipients.
        fields: its fields, with a `?` behind optional ones.
        when: when it is sent, in a sentence.
    """

    name: str
    to: Audience
    fields: str
    when: str

    @property
    def required(self) -> frozenset[str]:
        """The fields that it always has."""
        return frozenset(name for name in self.fields.split() if not name.endswith("?"))

    @property
    def possible(self) -> frozenset[str]:
        """The fields that it may have."""
        return frozenset(name.rstrip("?") for name in self.fields.split())


def _chat(name: str, fields: str, when: str) -> ServerEvent:
    return ServerEvent(name, "the chat's room", f"chat_id {fields}".strip(), when)


def _user(name: str, fields: str, when: str) -> ServerEvent:
    return ServerEvent(name, "the user's sockets", fields, when)


def _test(name: str, fields: str, when: str) -> ServerEvent:
    return ServerEvent(name, "the test's room", f"invocation_id {fields}", when)


_RUN = "run_id group_id"
_STORED = "The answer is stored; `truncated` if a limit of length stopped the model."
_ABOUT_RUN = "run_id current_run total_runs"

MESSAGES = (
    _chat("attempt_user_start", "item_id message_id", "The learner began to speak."),
    _chat("attempt_user_delta", "item_id transcript", "The transcript so far, all of it."),
    _chat("attempt_user_complete", "message_id content created_at item_id?", "The learner's message is stored."),
    _chat("attempt_assistant_start", "message_id created_at persona_id", "The persona begins to answer."),
    _chat("attempt_assistant_delta", "message_id content", "The answer so far, all of it."),
    _chat("attempt_assistant_audio", "audio", "Some more of the spoken answer."),
    _chat(
        "attempt_assistant_progress",
        "content_type content? audio?",
        "The same as the two before, for clients that hear only this one: its `content` is what is new.",
    ),
    _chat("attempt_assistant_complete", "message_id content created_at persona_id truncated?", _STORED),
    _chat(
        "attempt_complete",
        f"artifact_type final_content completed success message {_RUN}",
        "The turn is over: the learner may write again.",
    ),
    _chat("attempt_stopped", "success message?", "The answer was stopped or interrupted."),
    _chat("attempt_field_noted", "name value", "A tool of the persona has noted a value in the chat's `fields`."),
    _chat("attempt_assistant_hints", "hints", "Hints for what to say next."),
    _chat("attempt_hint_progress", "message_id type hints_count hints", "The same, for a message."),
)

CALLS = (
    _chat("attempt_audio_ready", "success message?", "A voice session is open, or not: then `message` says why."),
    _chat("attempt_audio_ended", "success message?", "The voice session is over, or there was none."),
)

ATTEMPTS = (
    _user("attempt_started", "attempt_id chat_entry_id", "An attempt began; its first chat."),
    _chat("attempt_joined", "success", "The socket hears the chat's room."),
    _chat("attempt_chat_started", "attempt_id", "The next chat of the attempt is open."),
    _chat("attempt_grade_start", "", "Grading begins."),
    _chat(
        "attempt_grading_progress",
        "type standard_group_name score completed_count total_count feedback_preview summary",
        "One more standard is graded, or all of them.",
    ),
    _chat("attempt_graded", "artifact_type attempt_id grade_id score passed feedback", "The chat has a grade."),
    _chat("attempt_response_result", "success message is_correct? response_id?", "A question was answered."),
    _chat("attempt_chat_ended", "is_attempt_finished grade_id?", "The chat is over."),
    _chat("attempt_chat_deleted", "", "The chat is gone, with all that was said in it."),
    ServerEvent(
        "attempt_ended",
        "the user's sockets",
        "chat_id? attempt_id success all_scenarios_complete message?",
        "The attempt is over. Also told in the rooms of its chats; a socket that hears several hears it once.",
    ),
)

TESTS = (
    _test("test_started", "test_id", "A benchmark's test began."),
    _test("test_joined", "success", "The socket hears the test's room."),
    _test("test_run_start", f"{_ABOUT_RUN} original_run_resource_id created_at", "A recorded run is replayed."),
    _test("test_progress", f"{_ABOUT_RUN} type message", "One more turn of it is answered."),
    _test(
        "test_run_complete",
        f"{_ABOUT_RUN} original_run_resource_id tool_calls remaining_runs",
        "The run is replayed to its end.",
    ),
    _test("test_graded", "grade_id score passed feedback success?", "The replay has a grade."),
    _test("test_all_complete", "total_runs success", "No run is left."),
    _test("test_stopped", "success message", "What was being replayed is stopped."),
    ServerEvent(
        "test_error",
        "the test's room",
        "invocation_id run_id message error_type current_run? total_runs?",
        "A test's event was refused, then told to the asking socket; or its replay failed.",
    ),
)

SOCKET = (
    ServerEvent(
        "connection_confirmed", "the asking socket", "sid profile_id guest_id server_time", "The socket is let in."
    ),
    ServerEvent(
        "connection_closed",
        "the asking socket",
        "message",
        "The token was revoked or has expired, or its user was deleted; the socket is closed, a websocket with 1008.",
    ),
    ServerEvent(
        "attempt_error",
        "the asking socket",
        "chat_id type? message",
        "An event of the socket was refused or failed, or something went wrong in its call.",
    ),
)

GENERATION = tuple(
    ServerEvent(f"chat_generation_{stage}", "the asking socket", f"{_RUN} {fields}", when)
    for stage, fields, when in (
        ("started", "artifact_type resource_types", "The parts of a draft are being written."),
        (
            "progress",
            "artifact_type completed_resources total_resources percentage last_completed_resource",
            "One more part is written.",
        ),
        (
            "complete",
            "artifact_type success message resources artifact_id draft_id",
            "All of them are, and kept where asked for.",
        ),
        ("error", "artifact_type? success message", "They could not be."),
    )
)

_ANSWER = f"chat_id {_RUN} message_id persona_id role"

CANONICAL = (
    _user("attempt.chat.voice_ready", "chat_id conversation_id success message", "A voice session is open."),
    _user("attempt.chat.voice_ended", "chat_id group_id success message", "It is over."),
    _user("attempt.chat.user_start", "chat_id item_id", "The learner began to speak."),
    _user("attempt.chat.user_delta", "chat_id item_id transcript", "The transcript so far, all of it."),
    _user("attempt.chat.field_noted", "chat_id name value", "A tool of the persona has noted a value."),
    _user("attempt.generate.started", _ANSWER, "The persona begins to answer."),
    _user("attempt.generate.text.start", _ANSWER, "The same."),
    _user("attempt.generate.text.progress", f"{_ANSWER} delta", "Some more of the answer: what is new."),
    _user("attempt.chat_message.progress", f"{_ANSWER} delta", "The same."),
    _user("attempt.chat.assistant_audio", "chat_id group_id audio", "Some more of the spoken answer."),
    _user(
        "attempt.chat.assistant_audio.complete",
        "chat_id group_id audios_id duration_ms",
        "All of the spoken answer was sent.",
    ),
    _user(
        "attempt.generate.text.complete",
        f"chat_id {_RUN} text message_id? persona_id? role? event_type? truncated?",
        "The answer is stored; or, without a role, a recording's text is there.",
    ),
    _user("attempt.chat_message.completed", f"{_ANSWER} text truncated?", _STORED),
    _user("attempt.generate.completed", f"{_ANSWER} text truncated?", "The same."),
    _user("attempt.chat_message.failed", f"chat_id {_RUN} message error_type role", "There is no answer."),
    _user("attempt.generate.failed", f"chat_id {_RUN} message error_type role", "The same."),
    _user("attempt.generate.audio.response_cancelled", f"chat_id {_RUN}", "The answer was stopped or interrupted."),
)

FAMILIES: dict[str, tuple[ServerEvent, ...]] = {
    "About the socket": SOCKET,
    "Messages": MESSAGES,
    "Calls": CALLS,
    "Attempts": ATTEMPTS,
    "Tests": TESTS,
    "Drafts": GENERATION,
    "The canonical dialect": CANONICAL,
}

STAGES = ("started", "completed", "failed")
"""The events of every operation to the user's sockets: `attempt.chat_grade.started`, then one of the others."""

FIELDS: dict[str, str] = {
    "all_scenarios_complete": "Whether every chat of the attempt was begun and ended.",
    "analyses": "What was noted about the chat as a whole, written by hand.",
    "artifact_id": "The artifact that the draft is of.",
    "artifact_type": "What it is about: `attempt`, or of drafts the artifact's name.",
    "artifact_types": "What to write a draft of; only its first entry counts, a `chat` or an `attempt`.",
    "assistant_content": "The answer, where the client has one already.",
    "attempt_id": "The attempt.",
    "audio": "PCM16 mono at 24,000 Hz, as binary or, where the socket asked for it, base64.",
    "audios_id": "A recording that was uploaded before. Of a spoken answer null: answers are not kept as recordings.",
    "benchmark_id": "The benchmark to run.",
    "chat_entry_id": "The chat, by its older name.",
    "chat_id": "The chat.",
    "completed": "Always true.",
    "completed_count": "Standards that are graded so far.",
    "completed_resources": "Parts that are written so far.",
    "content": "The text.",
    "content_type": "`delta` where there is `content`, `audio` where there is `audio`.",
    "conversation_id": "Names the call.",
    "created_at": "When, as ISO 8601.",
    "current_run": "Which run it is, from 1.",
    "delta": "The text that is new.",
    "draft_id": "A draft to write into, or that customises a chat.",
    "duration_ms": "How long the audio is.",
    "encoding": "`base64` for audio as text.",
    "entry_types": "Taken, and not used.",
    "error_type": "What kind of failure it is, for programs.",
    "event_type": "`text_complete`.",
    "extra_messages": "Taken, and not used.",
    "feedback": "What the grade says in words.",
    "feedback_preview": "The beginning of what the coach says about the standard.",
    "name": "The name of a field that a tool notes.",
    "value": "What it has noted.",
    "feedbacks": "Feedback for each standard, written by hand.",
    "final_content": "The answer; empty where there is none.",
    "generate": "Whether the persona answers.",
    "grade": "Whether to grade, too.",
    "grade_id": "The grade.",
    "group_id": "Names the exchange, or the call.",
    "guest_id": "Always null.",
    "hints": "Hints for what to say next.",
    "hints_count": "How many hints there are.",
    "home_id": "The home to start; either this or `practice_id`.",
    "improvements": "What to do better, written by hand.",
    "infinite_mode": "Go on after the last, without a time limit.",
    "invocation_id": "The test's invocation, which names its room.",
    "is_attempt_finished": "Whether it was the last chat of its attempt.",
    "is_correct": "Whether the answer is right, where the question has right answers.",
    "item_id": "Names what is being said, from its first sound to its message.",
    "last_completed_resource": "The part that was written last.",
    "message": "The learner's text; of what comes from the service, a sentence about it, which may be empty.",
    "message_id": "The message as it is, or will be, in the history.",
    "metadata": "Taken, and not used.",
    "modality": "Taken, and not used.",
    "muted": "Whether the microphone is off.",
    "option_ids": "The options that were chosen.",
    "original_run_resource_id": "The recorded run.",
    "parent_message_id": "The message that it follows; the latest where left out.",
    "passed": "Whether the score reaches the threshold.",
    "percentage": "How many per cent are written.",
    "persona_id": "Who answers; null where the chat names nobody.",
    "practice_id": "The practice to start; either this or `home_id`.",
    "previous_chat_map": "For each chat of the attempt, by id, the earlier chat to take over.",
    "profile_id": "The user.",
    "question_id": "The question.",
    "remaining_runs": "How many runs are left.",
    "resource_types": "The parts to write: `names`, `descriptions`, `problem_statements`, `objectives`, `personas`, "
    "`documents`.",
    "resources": "What was written, by part.",
    "response_id": "The answer as it is kept.",
    "role": "`assistant`: it is the persona's.",
    "run_id": "Names the reply or the run.",
    "save": "Keep what is written as a draft.",
    "score": "Points.",
    "server_time": "The service's time, as ISO 8601.",
    "sid": "The socket's id.",
    "standard_group_name": "What the standard belongs to.",
    "strengths": "What was done well, written by hand.",
    "success": "Whether it went well.",
    "summary": "What the coach says about the chat as a whole.",
    "test_id": "The test.",
    "test_invocation_id": "The test's invocation.",
    "text": "The text.",
    "time_taken": "Seconds that the chat took, where they are known better.",
    "tool_calls": "Always 0.",
    "total_count": "Standards that there are.",
    "total_resources": "Parts that are to be written.",
    "total_runs": "How many runs the test has.",
    "truncated": "A limit of length stopped the model, so that the last sentence may be unfinished.",
    "transcript": "What is understood so far.",
    "type": "What of it: `send`, `stop`, `end`, `audio`, `quiz` or `hint` of an error, `turn` of a test's progress, "
    "`standard_graded` or `complete` of grading, `complete` of hints.",
    "user_instructions": "What to look at or to write about, in words.",
    "wait_for_complete": "Acknowledge only when it is done.",
}
"""The meaning of a field, in any event."""

_OF_A_DRAFT = re.compile(r"^.+_generation_")
"""Events of `generate` are named after the draft's artifact; the table has those of a chat."""

BY_NAME = {event.name: event for events in FAMILIES.values() for event in events}


def undocumented(name: str, payload: Mapping[str, Any], operations: Iterable[Operation] = OPERATIONS) -> Iterator[str]:
    """Name the differences of an event's payload from its documentation; `operations` are those of the service."""
    key, _, stage = name.rpartition(".")
    if stage in STAGES and "call_id" in payload and any(operation.key == key for operation in operations):
        return  # its fields are the operation's
    event = BY_NAME.get(_OF_A_DRAFT.sub("chat_generation_", name))
    if event is None:
        yield f"the event {name} is not written down"
        return
    yield from (f"{name} has the field {field}" for field in payload.keys() - event.possible)
    yield from (f"{name} lacks the field {field}" for field in event.required - payload.keys())
