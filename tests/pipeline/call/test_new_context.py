"""A chat that is configured anew in a call: from the next message on there is another persona, voice and subject."""

from collections.abc import AsyncIterator

import numpy as np

from models.records.core import Document, Persona, VoiceProfile
from models.store import Store
from pipeline.call.session import SessionSettings
from pipeline.conversation.events import ReplyBegan, ReplyEnded
from pipeline.conversation.reply import ReplyContext
from pipeline.replay.virtual_time import run_virtually
from pipeline.turn.machine import Rules
from tests.pipeline.scene import Scene, engines, opened, steadily
from tests.voice.sound import recording
from voice.stt.base import Transcript
from voice.tts.base import VoiceStyle
from voice.tts.espeak.engine import EspeakSynthesizer
from voice.tts.synthesis import TextToSpeech
from voice.work.cancellation import Cancelled, never_cancelled
from voice.work.workers import InlineWorkers

LINE = recording("slt/records-office/05")
OTHER = Persona("ines", "Ines", voice=VoiceProfile(rate=1.4, language="es"))


class TellsWho:
    """Says who it is, at length, and keeps what it was given."""

    name = "tells who"

    def __init__(self) -> None:
        self.given: list[ReplyContext] = []

    async def reply(self, context: ReplyContext) -> AsyncIterator[str]:
        """A few sentences."""
        self.given.append(context)
        yield f"This is {context.persona.name}. " + "I have been here for a while, and I will stay for a while. " * 3


class NotesHints:
    """A recogniser that hears the same in everything, and keeps which words and language it was told to expect."""

    name = "notes hints"

    def __init__(self, hints: list[tuple[str, str]] | None = None, language: str = "") -> None:
        self.hints: list[tuple[str, str]] = [] if hints is None else hints
        self.language = language

    def for_call(self, language: str) -> "NotesHints":
        """The same, which knows the language of the call."""
        return NotesHints(self.hints, language)

    def transcribe(self, audio: np.ndarray, *, prompt: str = "", cancelled: Cancelled = never_cancelled) -> Transcript:
        """The same words."""
        self.hints.append((prompt, self.language))
        return Transcript("good morning")


class NotesStyles(TextToSpeech):
    """Keeps in which styles it spoke."""

    def __init__(self) -> None:
        super().__init__(EspeakSynthesizer(), InlineWorkers())
        self.styles: list[VoiceStyle] = []

    def speak(self, text: str, style: VoiceStyle, rate_hz: int, call: str):  # type: ignore[no-untyped-def]
        """As any."""
        self.styles.append(style)
        return super().speak(text, style, rate_hz, call)


async def change(scene: Scene) -> None:
    """Put Ines and a document in place."""
    chat_id = scene.call.session.conversation.chat_id
    await scene.store.install(personas=[OTHER], documents=[Document("d", "The ferry plan", text="At nine.")])
    await scene.store.configure_chat(chat_id, {"persona_ids": ["ines"], "document_ids": ["d"]})
    scene.call.session.take_context(await scene.store.context(chat_id))


def test_the_next_message_is_answered_by_the_new_persona_in_its_voice() -> None:
    responder, voice, ears = TellsWho(), NotesStyles(), NotesHints()

    async def story(store: Store) -> None:
        chosen = engines(responder=responder, tts=voice, transcriber=ears)
        async with opened(store, chosen, settings=SessionSettings(rules=Rules(interrupt_ms=60_000))) as scene:
            scene.call.session.type_text("Who is there?")
            began = await scene.until(ReplyBegan)
            await change(scene)
            ended = await scene.until(ReplyEnded)
            assert (began.persona_id, ended.text[:14], ended.interrupted) == ("host", "This is Robin.", False)
            spoken_by_robin = len(voice.styles)
            await scene.say(np.concatenate([LINE, np.zeros(24_000, np.int16)]))
            began, ended = await scene.until(ReplyBegan), await scene.until(ReplyEnded)
            assert (began.persona_id, ended.text[:13]) == ("ines", "This is Ines.")
            assert {style.language for style in voice.styles[:spoken_by_robin]} == {"en"}
            assert {(style.language, style.rate) for style in voice.styles[spoken_by_robin:]} == {("es", 1.4)}
            assert {language for _, language in ears.hints} == {"es"}
            assert all("The ferry plan" in prompt for prompt, _ in ears.hints)
            assert [document.name for document in responder.given[-1].documents] == ["The ferry plan"]
            assert [line.text[:14] for line in responder.given[-1].history[:2]] == ["Who is there?", "This is Robin."]
            stored = await store.messages(scene.call.session.conversation.chat_id)
            assert [item.persona_id for item in stored] == [None, "host", None, "ines"]

    steadily(story, run_virtually)


def test_what_was_prepared_for_a_message_that_goes_on_is_written_anew() -> None:
    responder = TellsWho()

    async def story(store: Store) -> None:
        async with opened(store, engines(responder=responder)) as scene:
            for frame in range(0, len(LINE), 320):
                await scene.say(LINE[frame : frame + 320], 20)
            while not responder.given:  # a pause: an answer is prepared, and not released yet
                await scene.say(np.zeros(320, np.int16), 20)
            assert not scene.of(ReplyBegan)
            await change(scene)
            await scene.say(np.zeros(32_000, np.int16))
            assert (await scene.until(ReplyBegan)).persona_id == "ines"
            assert (await scene.until(ReplyEnded)).text.startswith("This is Ines.")

    steadily(story, run_virtually)
