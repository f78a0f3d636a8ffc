"""The persona is heard, stopped and spoken over, and what the page says of it is what the worklet played."""

from typing import Any

import pytest

from tests.browser.conftest import Opener
from tests.browser.talk import Talk
from tests.service import RunningService

QUESTION = "slt/turns/13"


def test_captions_and_played_follow_the_sample_that_the_worklet_played(talk: Opener, glow: RunningService) -> None:
    page, chat = talk(script=context_of(44_100)), glow.chat()
    ready = page.open(chat, lang="en", opus=False)
    assert ready["input"]["rate"] == ready["output"]["rate"] == 44_100
    page.say(QUESTION)
    assert page.until("message")["typed"] is False
    reply = page.until("reply", phase="ended")
    last = page.until("caption", done=True)
    assert reply["heard"] == reply["text"]
    assert last["text"] == reply["text"]
    assert last["lang"] == "en"
    assert last["word"] == len(reply["text"].split()) - 1
    follows_the_worklet(page, reply["turn"])
    spoken_ms = sum(block["duration_ms"] for block in page.announced(reply["turn"]))
    acknowledged = [message["ms"] for message in page.sent if message["type"] == "played"]
    assert acknowledged == sorted(acknowledged)
    assert acknowledged[-1] == pytest.approx(spoken_ms, abs=1)
    assert page.do("call.played.ms") == pytest.approx(spoken_ms, abs=1)
    states = [event["state"] for event in page.log("state")]
    assert states.index("connecting") < states.index("listening") < states.index("speaking")
    assert page.until("state", state="listening")
    page.do("call.end()")
    assert page.until("state", state="ended")["reason"] == "caller"
    assert glow.lines(chat)[-1][1] == reply["text"]


def follows_the_worklet(page: Talk, turn: int) -> None:
    """Hold each caption against the worklet's own messages and the announcements of the words."""
    blocks: list[dict[str, Any]] = []
    standing: dict[str, Any] = {}
    marks: list[dict[str, Any]] = []
    captions = 0
    for event in page.log("mark", "caption", "service"):
        if event["kind"] == "service" and event["type"] == "reply.audio" and event["turn"] == turn:
            blocks.append(event)
        elif event["kind"] == "mark":
            standing = event
            marks += event["marks"]
        elif event["kind"] == "caption" and event["turn"] == turn:
            captions += 1
            ear = standing["frame"] - standing["latency"] * standing["rate"] / 1000
            mark = [one for one in marks if one["frame"] <= ear][-1]
            assert mark["turn"] == turn
            ms = mark["ms"] + mark["playing"] * (ear - mark["frame"]) * 1000 / standing["rate"]
            assert event["ms"] == pytest.approx(ms, abs=1)
            # Where in its block a word begins is not told: it may be anywhere between these two.
            for at_ms, within in ((ms - 100, min), (ms + 100, max)):
                begun = sum(len(block["text"].split()) for block in blocks if block["at_ms"] <= at_ms)
                assert within(begun - 1, event["word"]) == begun - 1 or begun == 0
    assert captions > 5


def test_speaking_over_the_persona_silences_it(talk: Opener, glow: RunningService) -> None:
    page, chat = talk(), glow.chat()
    page.open(chat)
    page.say(QUESTION)
    page.until("caption", turn=1)
    page.say(QUESTION)
    cleared = page.until("service", type="reply.cleared", turn=1)
    ended = page.until("reply", phase="ended", turn=1)
    assert ended["interrupted"]
    assert ended["heard"] != ended["text"]
    cut = [mark for event in page.log("mark") for mark in event["marks"] if not mark["playing"] and mark["turn"] == 1][
        -1
    ]
    assert cut["ms"] == pytest.approx(cleared["heard_ms"], abs=300), "the service is ahead by no more"
    page.until("message", turn=2)
    page.until("caption", turn=2, done=True)
    frames_and_peaks = page.page.evaluate("() => harness.heard")
    assert max(peak for frame, peak in frames_and_peaks if frame < cut["frame"]) > 0.05, "the persona was heard"
    begins = next(mark["frame"] for event in page.log("mark") for mark in event["marks"] if mark["turn"] == 2)
    between = [peak for frame, peak in frames_and_peaks if cut["frame"] + 512 <= frame < begins - 512]
    assert between
    assert max(between) == 0, "within 512 frames it was silent"
    assert [text for _, text in glow.lines(chat)][-3] == ended["heard"]


def ended_at(page: Talk, turn: int) -> float:
    """Where the announced audio of a turn ends."""
    return max(block["at_ms"] + block["duration_ms"] for block in page.announced(turn))


def test_stop_is_heard_at_once_and_typing_goes_on(talk: Opener, glow: RunningService) -> None:
    page, chat = talk(hand=False), glow.chat()
    page.open(chat, input=False)
    first = page.do("call.say(argument)", "Who are you? <img src=x onerror=alert(1)>")
    assert page.until("message", message_id=first)["typed"] is True
    page.until("caption")
    page.do("call.stop()")
    done = page.until("caption", done=True)
    # The page is silent at once; the service's word for it may come before that or after.
    ended = next((event for event in page.log("reply") if event["phase"] == "ended"), None)
    ended = ended or page.until("reply", phase="ended")
    assert ended["interrupted"]
    assert done["text"] in ended["text"]
    page.do("call.say(argument)", "And where?")
    page.until("reply", phase="started")
    page.until("caption", done=True)
    assert page.do("call.say('  ')") == ""
    too_long = page.do("(() => { try { call.say('x'.repeat(20001)) } catch (error) { return error.key } })()")
    assert too_long == "message_too_long"


def test_a_card_of_96_khz_hears_and_speaks_at_48(talk: Opener) -> None:
    page = talk(script=context_of(96_000))
    ready = page.open(opus=False)
    assert ready["input"] == {"encoding": "pcm16", "rate": 48_000, "channels": 1}
    assert ready["output"] == {"encoding": "pcm16", "rate": 48_000}
    assert level_of(page, 1_000) == pytest.approx(-3, abs=1.5)
    assert level_of(page, 30_000) < -40, "what a recogniser would hear folded back"
    page.do("call.say(argument)", "Who are you?")
    reply = page.until("reply", phase="ended")
    assert page.until("caption", done=True)["text"] == reply["text"]
    played = [mark for event in page.log("mark") for mark in event["marks"]]
    seconds = (played[-1]["frame"] - played[0]["frame"]) / 96_000
    assert seconds >= ended_at(page, reply["turn"]) / 1000 - 0.01, "not faster than it was spoken"


def test_opus_comes_down_and_nothing_of_it_is_lost(talk: Opener) -> None:
    page = talk(script=context_of(48_000))
    ready = page.open(input=False)
    assert ready["output"] == {"encoding": "opus", "rate": 48_000}
    for question in ("Who are you?", "What is the matter?", "And then?", "What do you want?"):
        page.do("call.say(argument)", question)
        reply = page.until("reply", phase="ended")
        assert page.until("caption", turn=reply["turn"], done=True)["text"] == reply["text"]
        assert page.do("call.played.ms") == pytest.approx(ended_at(page, reply["turn"]), abs=1)
    playing = [mark for event in page.log("mark") for mark in event["marks"] if mark["playing"]]
    announced = sum(len(page.announced(turn)) for turn in {mark["turn"] for mark in playing})
    assert len(playing) == announced, "each packet was played"
    assert max(peak for _, peak in page.page.evaluate("() => harness.heard")) > 0.05


def test_the_small_client_does_the_same(talk: Opener) -> None:
    page = talk(script="harness.client = 'glow-voice.min.js';")
    page.open(echoCheck=True)
    page.say(QUESTION)
    page.until("message", typed=False)
    reply = page.until("reply", phase="ended")
    assert page.until("caption", done=True)["text"] == reply["text"]
    page.do("call.end()")
    assert page.until("state", state="ended")["reason"] == "caller"


def context_of(rate: int) -> str:
    """A script that gives the page's computer a sound card of this rate."""
    constructor = f"constructor() {{ super({{ sampleRate: {rate} }}) }}"
    return f"globalThis.AudioContext = class extends AudioContext {{ {constructor} }};"


def level_of(page: Talk, hertz: float) -> float:
    """The level of a tone at the microphone, once it is steady."""
    page.page.evaluate("frequency => harness.hum(frequency)", hertz)
    for _ in range(10):
        level = page.until("level")
    return float(level["db"])
