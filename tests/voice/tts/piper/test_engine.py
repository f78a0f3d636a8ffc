"""The real Piper library on a small noise voice: lengths, words, rates, and files that are not what they should be."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest

from tests.hearing import heard, rms, say
from tests.voices_piper import HOP, RATE_HZ, make_voice
from voice.errors import Cancelled, EngineFailed, EngineUnavailable
from voice.tts.base import VoiceStyle
from voice.tts.espeak.engine import EspeakSynthesizer
from voice.tts.piper.engine import PiperSynthesizer
from voice.tts.piper.level import levelled
from voice.tts.piper.loading import load_voice
from voice.tts.piper.onnx_outputs import with_output_of
from voice.tts.piper.phoneme_words import words_of
from voice.tts.piper.rendering import Rendered, Renderer, WholeSentence

TEXT = "Hello there. How are you today?"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("piper")
    make_voice(folder)
    make_voice(folder, "en_US-two-medium", speakers=2)
    make_voice(folder, "en_US-slow-medium", inference={"length_scale": 2.0})
    return folder


@pytest.fixture(scope="module")
def piper(folder: Path) -> PiperSynthesizer:
    return PiperSynthesizer(folder / "en_US-noise-medium.onnx")


def test_each_sentence_is_a_chunk_with_its_words(piper: PiperSynthesizer) -> None:
    speech = say(piper, TEXT)
    assert speech.rate_hz == RATE_HZ
    assert len(speech.chunks) == 2
    assert all(samples % HOP == 0 for samples in speech.chunks)
    assert [TEXT[word.text_start : word.text_end] for word in speech.words] == TEXT.translate(
        {ord("."): "", ord("?"): ""}
    ).split()


def test_word_times_are_where_the_sound_is(piper: PiperSynthesizer) -> None:
    speech = say(piper, TEXT)
    for word, after in zip(speech.words, speech.words[1:], strict=False):
        assert word.start < word.end <= after.start
        # The voice is silent between words.
        assert rms(speech.audio[word.end : after.start]) == 0.0
    for word in speech.words:
        assert rms(speech.audio[word.start : word.end]) > 2000
    assert speech.words[-1].end <= len(speech.audio)


def test_every_sentence_is_as_loud_as_the_voice_counts(piper: PiperSynthesizer) -> None:
    # The noise is a tenth of full scale, with peaks of less than half; nothing reaches full scale and is clipped.
    audio = say(piper, TEXT).audio.astype(int)
    assert 27_000 < np.max(np.abs(audio)) < 32_767


@pytest.mark.parametrize("gain", [0.5, 2.0, 8.0])
def test_a_gain_rounds_off_what_it_would_clip(gain: float) -> None:
    ramp = np.linspace(-1.2, 1.2, 2_401, dtype=np.float32)
    loud = levelled(ramp, gain).astype(int)
    quiet = np.abs(ramp * gain) <= 0.75
    assert np.allclose(loud[quiet], ramp[quiet] * gain * 32_767, atol=1)
    assert np.all(np.diff(loud) >= 0), "louder stays louder"
    assert np.max(np.abs(loud)) <= 32_767
    assert levelled(np.array([np.nan, 0.0], np.float32), gain).tolist() == [0, 0]


@pytest.mark.parametrize("rate", [0.5, 1.5, 2.0])
def test_rate_scales_the_length(piper: PiperSynthesizer, rate: float) -> None:
    plain, changed = say(piper, TEXT).seconds, say(piper, TEXT, VoiceStyle(rate=rate)).seconds
    assert changed == pytest.approx(plain / rate, rel=0.2)


def test_pitch_is_ignored(piper: PiperSynthesizer) -> None:
    assert say(piper, TEXT, VoiceStyle(pitch=1.5)).seconds == say(piper, TEXT).seconds


def test_joined_words_and_numbers_are_told_apart(piper: PiperSynthesizer) -> None:
    text = "One of the dogs, 1,234 of the cats; it's well-known."
    words = [text[word.text_start : word.text_end] for word in say(piper, text).words]
    assert words == ["One", "of", "the", "dogs", "1,234", "of", "the", "cats", "it's", "well-known"]


def test_brackets_are_not_raw_phonemes(piper: PiperSynthesizer) -> None:
    assert say(piper, "Say [[hello]] now").seconds == say(piper, "Say   hello   now").seconds


def test_a_persona_has_its_own_voice_and_speaker(piper: PiperSynthesizer) -> None:
    plain = say(piper, TEXT).seconds
    assert say(piper, TEXT, VoiceStyle(names={"piper": "en_US-slow-medium"})).seconds == pytest.approx(2 * plain)
    for speaker in ("speaker1", "1", "nobody", "99"):
        assert say(piper, TEXT, VoiceStyle(names={"piper": f"en_US-two-medium#{speaker}"})).seconds == plain


@pytest.mark.parametrize("name", ["en_US-absent-medium", "../../etc/passwd", "", "#3"])
def test_a_voice_that_is_not_there_is_spoken_by_the_default(piper: PiperSynthesizer, name: str) -> None:
    assert say(piper, TEXT, VoiceStyle(names={"piper": name})).seconds == say(piper, TEXT).seconds


@pytest.mark.parametrize("text", ["", " ", "...", "😀", "[[", "\0"])
def test_nothing_to_say_gives_nothing(piper: PiperSynthesizer, text: str) -> None:
    assert say(piper, text).chunks == ()


@pytest.mark.parametrize("text", ["a" * 10_000, "[[" * 900 + "x", "a\0b", "hi \ud800 you", "😀 hi 你好"])
def test_hostile_text_gives_bounded_sound(piper: PiperSynthesizer, text: str) -> None:
    assert 0 < say(piper, text).seconds < 600


def test_cancelling_stops_before_the_next_sentence(piper: PiperSynthesizer) -> None:
    gone = threading.Event()
    speech = iter(piper.synthesize(TEXT, VoiceStyle(), cancelled=gone.is_set))
    next(speech)
    gone.set()
    with pytest.raises(Cancelled):
        next(speech)


def test_espeak_and_piper_speak_in_one_process(piper: PiperSynthesizer) -> None:
    espeak = EspeakSynthesizer()
    before = say(espeak, TEXT).seconds
    plain = say(piper, TEXT).seconds
    assert say(espeak, TEXT).seconds == pytest.approx(before, rel=0.02)
    assert say(piper, TEXT).seconds == plain


def test_the_session_keeps_to_one_thread(folder: Path) -> None:
    options = load_voice(folder / "en_US-noise-medium.onnx").session.get_session_options()
    assert options.intra_op_num_threads == 1


def test_a_renderer_may_give_a_sentence_in_pieces(folder: Path) -> None:
    class Halves:
        """The whole sentence, cut in two: stands where a streaming decoder will."""

        def __init__(self, whole: Renderer) -> None:
            self.whole = whole

        def render(self, phoneme_ids: list[int], config: object) -> Iterator[Rendered]:
            for piece in self.whole.render(phoneme_ids, config):  # type: ignore[arg-type]
                half = len(piece.audio) // 2
                yield Rendered(piece.audio[:half], piece.durations)
                yield Rendered(piece.audio[half:])

    model = folder / "en_US-noise-medium.onnx"
    halves = PiperSynthesizer(model, renderer=lambda voice: Halves(WholeSentence(voice)))
    speech, whole = say(halves, TEXT), say(PiperSynthesizer(model), TEXT)
    assert len(speech.chunks) == 4
    assert speech.words == whole.words


def test_a_voice_without_durations_speaks_without_words(folder: Path, tmp_path: Path) -> None:
    model = make_voice(tmp_path)
    graph = onnx.load(str(model))
    twin = graph.graph.node.add()
    twin.CopyFrom(next(node for node in graph.graph.node if node.op_type == "Ceil"))
    twin.output[0] = "another"
    onnx.save(graph, str(model))
    speech = say(PiperSynthesizer(model), TEXT)
    assert speech.words == ()
    assert speech.seconds > 1


def test_an_output_is_added_as_the_onnx_package_would(folder: Path) -> None:
    data = (folder / "en_US-noise-medium.onnx").read_bytes()
    more = with_output_of(data, "Ceil")
    assert [output.name for output in onnx.load_from_string(more).graph.output] == ["output", "w_ceil"]
    assert with_output_of(more, "Ceil") == more
    assert with_output_of(data, "Conv") == data
    for cut in (1, 10, len(data) // 2):
        with pytest.raises(ValueError, match="model"):
            with_output_of(data[:-cut], "Ceil")


def test_words_that_cannot_be_found_are_left_out() -> None:
    assert words_of("one two", [list("abc")], lambda word: [[]]) == [[]]
    assert words_of("", [], lambda word: [[]]) == []


@pytest.mark.parametrize(
    ("story", "sentence"),
    [
        ("no model", "is missing; run `glow models pull en_US-bad-medium`"),
        ("no description", r"onnx.json is missing; run"),
        ("a model cut short", "is not a whole ONNX model; delete it"),
        ("an empty model", "is not a whole ONNX model; delete it"),
        ("not a model", "is not a whole ONNX model; delete it"),
        ("not JSON", "does not describe a Piper voice"),
        ("another JSON", "does not describe a Piper voice"),
        ("a list", "does not describe a Piper voice"),
        ("a rate of nothing", "does not describe a Piper voice"),
        ("a rate in words", "does not describe a Piper voice"),
        ("more symbols than the model", "does not belong to"),
        ("a speaker the model does not take", "does not belong to"),
        ("a language that does not exist", "does not belong to"),
    ],
)
def test_files_that_are_not_a_voice_are_refused_with_what_to_do(tmp_path: Path, story: str, sentence: str) -> None:
    model = make_voice(tmp_path, "en_US-bad-medium")
    description = model.with_name(model.name + ".json")
    about = json.loads(description.read_text(encoding="utf-8"))
    match story:
        case "no model":
            model.unlink()
        case "no description":
            description.unlink()
        case "a model cut short":
            model.write_bytes(model.read_bytes()[: model.stat().st_size // 2])
        case "an empty model":
            model.write_bytes(b"")
        case "not a model":
            model.write_bytes(b"<html>Not found</html>")
        case "not JSON":
            description.write_text("{", encoding="utf-8")
        case "another JSON":
            description.write_text('{"name": "x"}', encoding="utf-8")
        case "a list":
            description.write_text("[]", encoding="utf-8")
        case "a rate of nothing":
            about["audio"]["sample_rate"] = 0
        case "a rate in words":
            about["audio"]["sample_rate"] = "22050 Hz"
        case "more symbols than the model":
            about["phoneme_id_map"]["x"] = [5000]
        case "a speaker the model does not take":
            about["num_speakers"] = 3
        case "a language that does not exist":
            about["espeak"]["voice"] = "xx-none"
    if story[0] == "m" or story.startswith(("a speaker", "a language", "a rate")):
        description.write_text(json.dumps(about), encoding="utf-8")
    with pytest.raises(EngineUnavailable, match=sentence):
        PiperSynthesizer(model)


class Breaking:
    """A renderer that fails after so many sentences."""

    def __init__(self, whole: Renderer, sentences: int) -> None:
        self.whole, self.left = whole, sentences

    def render(self, phoneme_ids: list[int], config: object) -> Iterator[Rendered]:
        self.left -= 1
        if self.left < 0:
            raise RuntimeError("inside the graph")
        yield from self.whole.render(phoneme_ids, config)  # type: ignore[arg-type]


def test_a_voice_that_breaks_on_a_text_is_a_typed_failure(folder: Path) -> None:
    model = folder / "en_US-noise-medium.onnx"
    breaking = PiperSynthesizer(model, renderer=lambda voice: Breaking(WholeSentence(voice), 1))
    with pytest.raises(EngineFailed, match="choose another voice"):
        heard(breaking.synthesize(TEXT, VoiceStyle(), cancelled=lambda: False))


def test_a_voice_that_cannot_count_is_refused(folder: Path) -> None:
    model = folder / "en_US-noise-medium.onnx"
    with pytest.raises(EngineUnavailable, match="cannot count"):
        PiperSynthesizer(model, renderer=lambda voice: Breaking(WholeSentence(voice), 0))
