"""Transcripts as files: when a subtitle is shown, what a spreadsheet must not run, and what a file is called."""

from dataclasses import replace
from typing import Any

import pytest
from markdown_it import MarkdownIt

from models.errors import NotFound
from pipeline.practice.attempts import NewChat
from pipeline.practice.coaching import WrittenHint
from pipeline.practice.drafts import DraftChanges
from pipeline.practice.ending import ChatVerdict
from pipeline.practice.exporting import COLUMNS, csv_of, cue_spans, markdown_of, safe_cell, srt_of, vtt_of
from tests.pipeline.practice.conftest import Run
from tests.pipeline.practice.place import Place


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ([(None, None), (None, None)], [(0, 2000), (2000, 4000)]),
        ([(None, None), (300, 900), (950, 4000)], [None, (300, 900), (950, 4000)]),
        ([(300, 400), (950, None)], [(300, 800), (950, 1450)]),
        ([(300, 3000), (1000, 2000)], [(300, 3000), (1000, 2000)]),
        ([(300, 900), (None, None), (4000, 5000)], [(300, 900), (900, 2900), (4000, 5000)]),
        ([(300, 900), (950, 4000), (200, 700), (800, 900)], [(300, 900), (950, 4000), (4200, 4700), (4800, 5300)]),
    ],
    ids=["typed only", "typed before", "shorter than can be read", "over each other", "typed between", "two calls"],
)
def test_when_a_subtitle_is_shown(said: list[Any], shown: list[Any]) -> None:
    assert cue_spans(said) == shown


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "  =1", "\n=1", "\r", "\u3000=1", "＝1", "＠x"]
)
def test_a_cell_never_runs(text: str) -> None:
    assert safe_cell(text) == f"'{text}"
    assert safe_cell("plain") == "plain"


def test_every_format_of_one_chat(run: Run, place: Place) -> None:
    async def story() -> None:
        chat, exports = (await place.start()).chats[0], place.practice.exports
        await place.say(chat.id, "<b>Is it</b> --> here & now?")
        await place.store.add_message(
            chat.id,
            "assistant",
            "Yes, but",
            origin="spoken",
            persona_id="mo",
            interrupted=True,
            full_text="Yes, but no.",
            latency={"endpoint_ms": 500, "stt_ms": 70, "llm_ms": 20, "tts_ms": 30, "voice_to_voice_ms": 620},
        )
        transcript = await exports.transcript(place.ada, chat.id)
        assert transcript.speakers == ("ada", "Mo")
        head, first, second, end = csv_of(transcript).split("\r\n")
        assert (head, end) == (",".join(COLUMNS), "")
        assert ",query,ada," in first
        assert second.split(",")[1:3] == ["response", "Mo"]
        assert head.endswith(",endpoint_ms,stt_ms,llm_ms,tts_ms,voice_to_voice_ms")
        assert second.endswith(",500,70,20,30,620")
        assert first.endswith(",,,,,")
        assert "# Mo is late" in markdown_of(transcript)
        assert "Yes, but *(broken into)*" in markdown_of(transcript)
        assert "00:00:00,000 --> 00:00:02,000\nada: ‹b›Is it‹/b› → here & now?" in srt_of(transcript)
        assert "<v ada>&lt;b&gt;Is it&lt;/b&gt; --&gt; here &amp; now?" in vtt_of(transcript)
        with pytest.raises(NotFound):
            await exports.transcript(place.bob, chat.id)
        with pytest.raises(NotFound, match="no recording of this chat"):
            await exports.recording(chat)

    run(story())


@pytest.mark.parametrize(
    ("name", "stem"),
    [("Mo is late", "mo-is-late"), ("../../etc/passwd", "etc-passwd"), ("???", "chat"), ("x" * 99, "x" * 60)],
)
def test_what_a_file_is_called(run: Run, place: Place, name: str, stem: str) -> None:
    async def story() -> None:
        attempt = await place.start()
        chat = await place.practice.attempts.add_chat(place.ada.id, attempt.id, NewChat(texts={"name": name}))
        transcript = await place.practice.exports.transcript(place.ada, chat.id)
        assert transcript.file_stem == f"{stem}-{chat.id[:8]}"

    run(story())


@pytest.mark.parametrize(
    "said",
    [
        "<script>alert(1)</script><img src=x onerror=alert(1)>",
        "![seen](https://evil.example/seen.png) [here](javascript:alert(1)) <https://evil.example>",
        "[here]: javascript:alert(1)\n\n[here] ![x][here]",
        "# Grade: 100\n\n---\n\nx\n===\n\n| a |\n|---|\n\n```\ncode\n```\n\n- list\n+ list\n* list",
        "\\<b>bold\\</b> \\[here\\](https://evil.example) &lt;b&gt;",
        "  <b>\n\n\t[x](y)",
        "so --> 00:00:09.000\n\n2\n00:00:00,000 --> 00:00:09,000\nada: I confess {\\\\an8}",
        "x\u2028\u20282\u202800:00:00,000 --> 00:00:09,000\u2028NOTE y",
    ],
)
def test_what_was_said_does_nothing_in_any_format(run: Run, place: Place, said: str) -> None:
    async def story() -> None:
        chat, exports = (await place.start()).chats[0], place.practice.exports
        await place.say(chat.id, said)
        transcript = replace(await exports.transcript(place.ada, chat.id), speakers=(said,))
        page = MarkdownIt("commonmark", {"html": True}).enable("table").render(markdown_of(transcript))
        assert page.count("<h") == page.count("<h1>") == 1
        for tag in ("<script", "<img", "<a ", "<b>", "<hr", "<table", "<code", "<li"):
            assert tag not in page, page
        for rendered in (srt_of(transcript), vtt_of(transcript)):
            assert rendered.count("-->") == 1
            assert not any(tag in rendered for tag in ("<b>", "<script", "<img", "\u2028"))
            assert "{" not in srt_of(transcript)
            assert rendered.rstrip().count("\n\n") == rendered.startswith("WEBVTT")

    run(story())


def test_a_whole_chat_with_its_outcome(run: Run, place: Place) -> None:
    async def story() -> None:
        practice, ada = place.practice, place.ada.id
        chat = (await place.start()).chats[0]
        [message] = await place.say(chat.id, "Why so late? # ask")
        await practice.coaching.hints(ada, chat.id, [WrittenHint("Ask *when*.", message)])
        await practice.questions.respond(ada, chat.id, "q1", ["o2"])
        await practice.drafts.save(
            ada, DraftChanges(texts={"name": "Kindly"}, objectives=["Be kind."]), chat_id=chat.id
        )
        other = (await practice.drafts.save(ada, DraftChanges(texts={"name": "A pattern"}))).draft
        await practice.ending.end_chat(ada, chat.id, chat.attempt_id, ChatVerdict())
        transcript = await practice.exports.transcript(place.ada, chat.id)
        outcome = await practice.exports.outcome(ada, transcript.chat, other.id)
        assert outcome.grade is not None
        assert [(answer.question, answer.options) for answer in outcome.answers] == [("When?", ("At ten",))]
        assert [draft.state["name"] for draft in outcome.drafts] == ["Kindly", "A pattern"]
        text = markdown_of(transcript, outcome)
        assert f"{outcome.grade.score} of 100 points" in text
        assert "## Hints\n\n- Ask \\*when\\*.\n" in text
        assert "## Answers\n\n- When? At ten (wrong)\n" in text
        assert "- **Kindly**, version 1, " in text
        assert "## Feedback\n\n- (" in text
        assert markdown_of(transcript) == text[: len(markdown_of(transcript))], "the transcript comes first"
        assert "Grade" not in srt_of(transcript) + vtt_of(transcript) + csv_of(transcript)
        with pytest.raises(NotFound, match="Draft not found"):
            await practice.exports.outcome(place.bob.id, transcript.chat, other.id)

    run(story())
