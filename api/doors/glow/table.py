"""The table of all operations, from which HTTP routes, socket.io's events and the commands of `glow attempts` are made.

A new operation needs its shapes, its function, and a row here.
"""

from collections.abc import Iterable

from api.doors.glow.operation import Command, EventRow, Field, Operation

_ATTEMPT = Field("attempt_id", "The attempt.")
_CHAT = Field("chat_id", "The chat.")
_LAST_WORD = Field("message", "A last word.", flag="--message")
_CHAT_FIELDS = (
    Field("name", "What to call it.", flag="--name"),
    Field("description", "What it is about.", flag="--description"),
    Field("persona_ids", "Who answers; may be repeated.", list[str], "--persona-id"),
    Field("document_ids", "What is at hand; may be repeated.", list[str], "--document-id"),
)

CHATS = (
    # chat_get, chat_message, chat_audio, chat_speak and chat_export make more than one request on the command line.
    Operation("chat_get", "chats:chat_get"),
    Operation(
        "chat_create",
        "chats:chat_create",
        command=Command(
            "Add a chat to an attempt, besides those that `start` makes.",
            (_ATTEMPT, *_CHAT_FIELDS, Field("draft_id", "A draft to make it from.", flag="--draft-id")),
        ),
    ),
    Operation("chat_message", "messages:chat_message", events=(EventRow(order="chat", kind="send"),)),
    Operation(
        "chat_response",
        "messages:chat_response",
        command=Command(
            "Answer a question of the chat.",
            (_CHAT, Field("question_id", "The question."), Field("option_ids", "What you choose.", list[str])),
        ),
        events=(
            EventRow(),
            EventRow("attempt_response_submit", v5=True, kind="quiz", answers="attempt_response_result"),
        ),
    ),
    Operation(
        "chat_grade",
        "coaching:chat_grade",
        command=Command(
            "Have a chat graded by its rubric, or grade it by hand with --score.",
            (_CHAT, Field("score", "Points, by hand.", int, "--score")),
        ),
    ),
    Operation(
        "chat_complete",
        "chats:chat_complete",
        command=Command("Mark a chat as completed.", (_CHAT, _LAST_WORD)),
    ),
    Operation(
        "chat_delete",
        "chats:chat_delete",
        command=Command("Delete a chat for good, with all that was said, recorded and graded in it.", (_CHAT,)),
    ),
    Operation("chat_hints", "coaching:chat_hints", command=Command("Hints for what to say next.", (_CHAT,))),
    Operation("chat_feedback", "coaching:chat_feedback", command=Command("Feedback, standard by standard.", (_CHAT,))),
    Operation(
        "chat_strengths",
        "coaching:chat_strengths",
        command=Command("What was good, with the words that were.", (_CHAT,)),
    ),
    Operation(
        "chat_improvements",
        "coaching:chat_improvements",
        command=Command("What could be said better, and how.", (_CHAT,)),
    ),
    Operation("chat_analyses", "coaching:chat_analyses", command=Command("The conversation as a whole.", (_CHAT,))),
    Operation("chat_audio", "messages:chat_audio"),
    Operation(
        "chat_voice",
        "voice:chat_voice",
        on_call=True,
        command=Command(
            "Open a voice session.",
            (_CHAT, Field("draft_id", "A draft that the chat takes on first.", flag="--draft-id")),
        ),
        events=(
            EventRow(order="voice", kind="audio"),
            EventRow("attempt_audio_start", v5=True, order="voice", kind="audio", answers="attempt_audio_ready"),
        ),
    ),
    Operation(
        "chat_speak",
        "voice:chat_speak",
        on_call=True,
        events=(EventRow(frames=True), EventRow("attempt_audio_frame", frames=True)),
    ),
    Operation(
        "chat_silence",
        "voice:chat_silence",
        on_call=True,
        events=(
            EventRow(order="voice", kind="audio"),
            EventRow("attempt_audio_stop", v5=True, order="voice", kind="audio", answers="attempt_audio_ended"),
        ),
    ),
    Operation(
        "chat_mute",
        "voice:chat_mute",
        on_call=True,
        command=Command(
            "Switch the microphone of a voice session off, or on again.",
            (_CHAT, Field("muted", "Which.", bool, "--muted/--unmuted")),
        ),
        events=(EventRow(order="voice", kind="audio"), EventRow("attempt_audio_mute", order="voice", kind="audio")),
    ),
    Operation(
        "chat_draft",
        "drafts:chat_draft",
        command=Command(
            "Save a draft of a chat, which the chat takes on; give --draft-id and --expected-version to change one.",
            (
                Field("chat_id", "The chat that takes it on from the next message.", flag="--chat-id"),
                Field("draft_id", "The draft to change; a new one otherwise.", flag="--draft-id"),
                Field("expected_version", "The version that you change.", int, "--expected-version"),
                Field("name", "What to call the chat.", flag="--name"),
                *_CHAT_FIELDS[1:],
                Field(
                    "parameter_field_ids", "A parameter's value; may be repeated.", list[str], "--parameter-field-id"
                ),
                Field("objectives", "What to achieve; may be repeated.", list[str], "--objective"),
            ),
        ),
        also=(("PATCH", "/attempt/chat_draft"), ("POST", "/attempt/draft")),
    ),
    Operation(
        "chat_drafts",
        "drafts:chat_drafts",
        command=Command(
            "List your drafts.",
            (
                Field("search", "Words to look for.", flag="--search"),
                Field("page_limit", "How many at most.", int, "--limit"),
            ),
        ),
        bare=True,
    ),
    Operation(
        "chat_refresh",
        "chats:chat_refresh",
        command=Command(
            "Have the service forget what it cached.", (Field("targets", "Which views; all otherwise.", list[str]),)
        ),
        bare=True,
    ),
    Operation("chat_export", "exporting:chat_export", bare=True),
)

ATTEMPTS = (
    Operation("start", "attempts:start", events=(EventRow(v5=True, order="chat"),)),
    Operation("get", "attempts:get", command=Command("Show an attempt: its chats, messages and grades.", (_ATTEMPT,))),
    Operation(
        "next",
        "attempts:next_chat",
        command=Command(
            "Go on to the next chat.", (_ATTEMPT, Field("draft_id", "A draft that customises it.", flag="--draft-id"))
        ),
        events=(EventRow(v5=True, order="chat"),),
    ),
    Operation(
        "join",
        "attempts:join",
        command=Command("Enter a chat's room.", (_CHAT,)),
        events=(EventRow(v5=True, order="chat"),),
    ),
    Operation(
        "leave",
        "attempts:leave",
        command=Command("Leave a chat's room.", (_CHAT,)),
        events=(EventRow(v5=True, order="chat"),),
    ),
    Operation(
        "end",
        "attempts:end",
        command=Command(
            "End one chat; it is graded unless you say --no-grade.",
            (_ATTEMPT, _CHAT, Field("grade", "Whether it is graded.", bool, "--grade/--no-grade")),
        ),
        events=(EventRow(v5=True, kind="end"),),
    ),
    Operation(
        "end_all",
        "attempts:end_all",
        command=Command("End every chat that is left.", (_ATTEMPT,)),
        events=(EventRow(v5=True, kind="end"),),
    ),
    Operation(
        "stop",
        "running:stop",
        command=Command(
            "Stop the answer that is being written or spoken.",
            (_CHAT, Field("group_id", "Its group, where you know that rather than the chat.", flag="--group-id")),
        ),
        events=(EventRow(v5=True, order="chat", kind="stop"),),
    ),
    Operation(
        "message",
        "running:message",
        command=Command(
            "Send a message to a chat of an attempt.",
            (
                _ATTEMPT,
                _CHAT,
                Field("message", "What you say."),
                Field("wait_for_complete", "Wait for the answer and show it.", bool, "--wait"),
            ),
        ),
        events=(EventRow(v5=True, order="chat", kind="send"),),
    ),
    Operation(
        "grade",
        "attempts:grade",
        command=Command(
            "Have a chat of an attempt graded.",
            (_ATTEMPT, Field("chat_id", "The chat; the current one otherwise.", flag="--chat-id")),
        ),
        events=(EventRow(v5=True),),
    ),
    Operation(
        "generate",
        "running:generate",
        command=Command("Have the persona answer; say which chat in --body."),
        events=(EventRow(kind="send"),),
    ),
    Operation(
        "complete", "attempts:complete", command=Command("Mark an attempt as completed.", (_ATTEMPT, _LAST_WORD))
    ),
    Operation(
        "use_previous",
        "attempts:use_previous",
        command=Command("Take over the grades of earlier chats; say which in --body.", (_ATTEMPT,)),
        events=(EventRow(v5=True),),
    ),
)

_OF_TEST = (EventRow(v5=True, order="test", kind="test"),)

TESTS = (
    Operation("start", "benchmarks:test_start", "test", events=_OF_TEST),
    Operation("get", "benchmarks:test_get", "test"),
    Operation("next", "benchmarks:test_next", "test", events=_OF_TEST),
    Operation("run", "benchmarks:test_run", "test", events=_OF_TEST),
    Operation("end", "benchmarks:test_end", "test", events=_OF_TEST),
    Operation("stop", "benchmarks:test_stop", "test", events=_OF_TEST),
    Operation("join", "benchmarks:test_join", "test", events=_OF_TEST),
    Operation("leave", "benchmarks:test_leave", "test", events=_OF_TEST),
)


def _content(module: str, *artifacts: str) -> Iterable[Operation]:
    """Make the search, get and create operations of each kind of content."""
    for artifact in artifacts:
        yield Operation("search", f"{module}:{artifact}_search", artifact, bare=True)
        yield Operation("get", f"{module}:{artifact}_get", artifact)
        yield Operation("create", f"{module}:{artifact}_create", artifact)


CONTENT = (
    *_content("content", "persona", "document", "scenario", "simulation"),
    *_content("content_parts", "rubric", "question"),
    *_content("content", "practice", "home"),
    *_content("content_parts", "cohort", "parameter", "benchmark"),
    *_content("content_media", "image", "video", "flag", "department"),
)

OPERATIONS: tuple[Operation, ...] = (*CHATS, *ATTEMPTS, *TESTS, *CONTENT)
"""Every operation."""
