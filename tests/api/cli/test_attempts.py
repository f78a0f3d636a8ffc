"""`glow attempts`: every operation once, as somebody with a terminal or a script would."""

import io
import json
import sys
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import typer

from api.cli import main as cli
from api.client.recordings import ROOT
from api.doors.glow.table import ATTEMPTS, CHATS
from tests.service import TOKENS, RunningService

QUESTION = "Hello, this is the records office. How can I help you?"


class Ran(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def told(self) -> Any:
        """What `--json` printed."""
        assert self.code == 0, self.err
        return json.loads(self.out)


Glow = Callable[..., Ran]


@pytest.fixture
def glow(
    service: RunningService, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Glow:
    """Runs `glow attempts` against a running service, as ada."""
    monkeypatch.setenv("GLOW_INSTANCE_URL", service.url)
    monkeypatch.setenv("GLOW_TOKEN", TOKENS["ada"])
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> Ran:
        monkeypatch.setattr(sys, "argv", ["glow", "attempts", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        printed = capsys.readouterr()
        code = ended.value.code
        return Ran(code if isinstance(code, int) else 0, printed.out, printed.err)

    return run


def commands(app: typer.Typer) -> set[str]:
    """The names that are typed."""
    return set(typer.main.get_command(app).commands)  # type: ignore[attr-defined]


def test_every_operation_has_its_command() -> None:
    from api.cli import attempts as cli_attempts
    from api.cli import chat as cli_chat

    chat = {operation.name.removeprefix("chat_") for operation in CHATS}
    attempt = {operation.name for operation in ATTEMPTS}
    assert chat | {"live"} <= commands(cli_chat.commands(CHATS))
    assert attempt | {"watch", "audio_upload", "audio_download", "end-all"} <= commands(cli_attempts.app)


def test_an_attempt_from_its_start_to_its_end(glow: Glow, tmp_path: Path) -> None:
    assert "The worried parent" in glow("practices").out
    started = glow("start", "--practice", "The worried parent", "--json").told
    attempt, chat = started["attempt_id"], started["chat_id"]
    assert chat in glow("get", attempt).out

    assert glow("chat", "message", chat, QUESTION).out.startswith("Finally, a human being.")
    sent = glow("chat", "message", chat, "One moment.", "--no-wait")
    assert "message_id" in sent.out
    assert "assistant" not in sent.out
    assert glow("chat", "message", chat, "Go on.", "--json").told["assistant_content"]
    shown = glow("chat", "get", chat)
    assert "You" in shown.out
    assert QUESTION in shown.out
    assert "Finally, a human being." in shown.out
    assert glow("chat", "get", "--body", json.dumps({"chat_entry_id": chat}), "--json").told["chat_id"] == chat
    assert "hints" in glow("chat", "hints", chat).out
    graded = glow("chat", "grade", chat, "--json").told
    assert graded["grade_id"]
    assert glow("chat", "grade", chat, "--score", "1", "--json").told["score"] == 1
    for operation in ("feedback", "strengths", "improvements", "analyses"):
        assert glow("chat", operation, chat, "--json").told["success"]
    assert glow("chat", "refresh", "--json").told["success"]

    table = glow("chat", "export", chat).out
    assert QUESTION in table
    assert glow("chat", "export").out == table, "the last chat is meant"
    out = tmp_path / "chat.md"
    wrote = glow("chat", "export", chat, "--format", "markdown", "--out", str(out))
    assert "Wrote" in wrote.err
    assert QUESTION in out.read_text("utf-8")

    assert glow("message", attempt, chat, "And then?", "--json").told["user_message_id"]
    assert glow("stop", chat, "--json").told["success"]
    assert glow("join", chat, "--json").told["success"]
    assert glow("leave", chat, "--json").told["success"]
    assert glow("grade", attempt, "--json").told["chat_id"] == chat
    assert glow("end", attempt, chat, "--no-grade", "--json").told["is_attempt_finished"] is True
    assert glow("end-all", attempt, "--json").told["success"]
    assert "completed" in glow("chat", "get", chat).out
    refused = glow("chat", "message", chat, "hello?")
    assert (refused.code, refused.out) == (1, "")
    assert refused.err.startswith("This chat has ended")


def test_next_create_complete_and_generate(glow: Glow) -> None:
    attempt = glow("start", "--practice", "All three desks", "--json").told["attempt_id"]
    chat = glow("next", attempt, "--json").told["chat_id"]
    made = glow("chat", "create", attempt, "--name", "One more call", "--json").told["chat_id"]
    assert "One more call" in glow("chat", "get", made).out
    previous = json.dumps({"previous_chat_map": {}})
    assert glow("use_previous", attempt, "--body", previous, "--json").told["success"]
    body = json.dumps({"config": {"params": {"chat_id": chat}}, "wait_for_complete": True})
    assert glow("generate", "--body", body, "--json").told["produced_media"][0]["text"]
    assert glow("chat", "complete", chat, "--message", "Enough.", "--json").told["completion_id"]
    assert glow("complete", attempt, "--json").told["success"]


def test_drafts(glow: Glow) -> None:
    saved = glow("chat", "draft", "--name", "Custom chat", "--description", "With more", "--json").told
    again = ("chat", "draft", "--draft-id", saved["draft_id"], "--expected-version", "1", "--name", "Newer")
    assert glow(*again, "--json").told["version"] == 2
    late = glow(*again)
    assert (late.code, "version conflict" in late.err) == (1, True)
    assert "Newer" in glow("chat", "drafts").out
    chat = glow("start", "--practice", "The worried parent", "--json").told["chat_id"]
    assert glow("chat", "draft", "--chat-id", chat, "--objective", "Be kind", "--json").told["applied"] is True
    assert "Be kind" in glow("chat", "get", chat, "--json").out
    refused = glow("chat", "draft", "--persona-id", "nobody")
    assert (refused.code, refused.err.partition(".")[0]) == (1, "Unknown ids: persona_ids: nobody")
    entries = glow("chat", "drafts", "--search", "Newer", "--json").told["entries"]
    assert saved["draft_id"] in [entry["id"] for entry in entries]


def test_a_question_is_answered(glow: Glow, service: RunningService) -> None:
    question = {"question_text": "Who may see grades?", "options": [{"option_text": "Tyler", "is_correct": True}]}
    attempt = glow("start", "--practice", "The worried parent", "--json").told["attempt_id"]
    chat = glow("chat", "create", attempt, "--body", json.dumps({"questions": [question]}), "--json").told["chat_id"]
    told = glow("chat", "get", chat, "--json").told
    ids = (told["questions"][0]["question_id"], told["options"][0]["option_id"])
    assert glow("chat", "response", chat, *ids, "--json").told["is_correct"] is True


@pytest.mark.slow
def test_voice_by_request_and_a_recording_to_attach(glow: Glow, tmp_path: Path) -> None:
    line = ROOT / "rms" / "turns" / "07.flac"
    chat = glow("start", "--practice", "The worried parent", "--json").told["chat_id"]
    assert glow("chat", "speak", chat, str(line)).err.startswith("No active audio session")
    assert glow("chat", "voice", chat, "--json").told["conversation_id"]
    assert glow("chat", "speak", chat, str(line), "--json").told == {"accepted": True}
    assert glow("chat", "mute", chat, "--muted", "--json").told == {"accepted": True}
    ended = glow("chat", "silence", chat, "--json").told
    assert ended["stopped"] is True
    assert ended["transcript"]
    assert ended["assistant_content"]
    assert glow("chat", "silence", chat, "--json").told["stopped"] is False
    for command in (("voice", chat), ("speak", chat, str(line))):
        assert glow("chat", *command).code == 0
    sound = tmp_path / "answer.wav"
    told = glow("chat", "silence", chat, "--out", str(sound))
    you, persona = told.out.splitlines()
    assert you == f"You: {ended['transcript']}"
    assert persona.startswith("Persona: ")
    assert f"Wrote {sound}: " in told.err
    with wave.open(str(sound)) as wav:
        assert (wav.getnchannels(), wav.getframerate()) == (1, 24_000)
        samples = np.frombuffer(wav.readframes(wav.getnframes()), "<i2")
    assert len(samples) > 24_000, "it was spoken"
    assert np.abs(samples).max() > 1_000
    heard = glow("chat", "get", chat, "--json").told["messages"][0]
    assert heard["origin"] == "spoken"

    sent = glow("chat", "message", chat, "--audio", str(line), "--no-answer", "--json").told
    assert sent["message_id"]
    assert glow("chat", "audio", chat, str(line), "--json").told["message_id"] == sent["message_id"]
    audio_id = glow("audio_upload", str(line), "--json").told["audios_id"]
    copy = tmp_path / "copy.flac"
    assert "Wrote" in glow("audio_download", audio_id, "--out", str(copy)).err
    assert copy.read_bytes() == line.read_bytes()


def test_the_documents_own_lines(glow: Glow) -> None:
    chat = glow("start", "--practice", "The worried parent", "--json").told["chat_id"]
    body = json.dumps({"chat_entry_id": chat})
    assert glow("chat", "get", "--body", body).code == 0
    assert glow("chat", "export", "--body", body).code == 0
    assert glow("chat", "drafts").code == 0
    assert glow("chat", "refresh").code == 0
    assert glow("chat", "export").code == 0, "the last chat"


@pytest.mark.parametrize("body", ["{", "[]", "5", "@nowhere.json"])
def test_a_body_that_is_no_object_is_wrong_usage(glow: Glow, body: str) -> None:
    ran = glow("chat", "get", "--body", body)
    assert ran.code == 2
    assert "--body" in ran.err
    assert "Traceback" not in ran.err


def test_a_body_from_a_file_or_a_pipe(glow: Glow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chat = glow("start", "--practice", "The worried parent", "--json").told["chat_id"]
    body = json.dumps({"chat_entry_id": chat})
    (tmp_path / "body.json").write_text(body, "utf-8")
    assert glow("chat", "get", "--body", "@body.json", "--json").told["chat_id"] == chat
    monkeypatch.setattr(sys, "stdin", io.StringIO(body))
    assert glow("chat", "get", "--body", "-", "--json").told["chat_id"] == chat


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["start", "--practice", "nowhere"], "There is no practice 'nowhere'; there are:"),
        (["chat", "get", "nowhere"], "Chat not found"),
        (["get", "nowhere"], "Attempt not found"),
        (["chat", "get", "x", "--token", "wrong"], "The service does not know the token"),
        (["chat", "get", "x", "--instance-url", "http://127.0.0.1:9"], "No voice service answers"),
        (["chat", "message", "x", "--audio", "nowhere.wav"], "nowhere.wav cannot be read"),
        (["chat", "live", "nowhere"], "Chat not found"),
    ],
)
def test_a_refusal_is_one_sentence_and_exit_code_1(glow: Glow, arguments: list[str], sentence: str) -> None:
    ran = glow(*arguments)
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith(sentence)
    assert len(ran.err.strip().splitlines()) == 1
    assert TOKENS["ada"] not in ran.err


def test_a_start_without_anything_to_practise_says_how_to_choose(glow: Glow) -> None:
    ran = glow("start")
    assert (ran.code, ran.out) == (2, "")
    assert "glow attempts practices" in ran.err


def test_completion_is_offered(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    words = {"_GLOW_COMPLETE": "complete_bash", "COMP_WORDS": "glow attempts chat gr", "COMP_CWORD": "3"}
    for name, value in words.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "argv", ["glow"])
    with pytest.raises(SystemExit):
        typer.main.get_command(cli.app).main(prog_name="glow", complete_var="_GLOW_COMPLETE")
    assert capsys.readouterr().out.split() == ["grade"]
