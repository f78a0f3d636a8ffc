"""A voice of medium's shape that speaks before its sentence is done: the same sound, the same words, sooner."""

import json
import shutil
from itertools import pairwise
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper
from piper import SynthesisConfig

from api.bench.random_piper import HOP, write_medium_voice
from tests.hearing import say
from tests.voices_piper import make_voice
from voice.errors import Cancelled, EngineUnavailable
from voice.tts.base import VoiceStyle
from voice.tts.piper.engine import PiperSynthesizer
from voice.tts.piper.loading import load_voice, open_voice
from voice.tts.piper.onnx_cut import FRAMES_NAME, cut_at_decoder, cut_at_flow
from voice.tts.piper.parts import FOLDER, parts_of
from voice.tts.piper.rendering import CHUNKS, FLOW_OVERLAP, FlowingFrames, StreamedSentence, WholeSentence, stretches

TEXT = "The train to the city leaves at nine."
STILL = SynthesisConfig(noise_scale=0.0, noise_w_scale=0.0)
"""Without noise a voice says the same every time."""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_medium_voice(tmp_path_factory.mktemp("medium"))


@pytest.fixture
def copy(model: Path, tmp_path: Path) -> Path:
    """The voice alone in a folder of its own."""
    for path in (model, model.with_name(model.name + ".json")):
        shutil.copy(path, tmp_path)
    return tmp_path / model.name


@pytest.mark.slow
def test_the_stretches_are_the_whole_sentence(model: Path) -> None:
    voice, streamed = open_voice(model)
    assert isinstance(streamed, StreamedSentence)
    assert streamed.hop == HOP
    ids = voice.phonemes_to_ids(voice.phonemize(TEXT)[0])
    pieces = list(streamed.render(ids, STILL))
    (whole,) = WholeSentence(load_voice(model)).render(ids, STILL)
    assert len(pieces[0].audio) == CHUNKS[0] * HOP < len(whole.audio) / 8
    assert np.max(np.abs(np.concatenate([piece.audio for piece in pieces]) - whole.audio)) < 1e-4
    assert whole.durations is not None
    assert pieces[0].durations is not None
    assert np.array_equal(pieces[0].durations, whole.durations)
    assert all(piece.durations is None for piece in pieces[1:])


@pytest.mark.slow
def test_words_are_where_they_are_in_the_whole_sentence(model: Path) -> None:
    speech = say(PiperSynthesizer(model), TEXT)
    whole = say(PiperSynthesizer(model, renderer=WholeSentence), TEXT)
    assert len(speech.chunks) > 2
    assert speech.words == whole.words
    assert len(speech.audio) == len(whole.audio)


@pytest.mark.slow
def test_a_stretch_that_is_not_wanted_is_not_decoded(model: Path) -> None:
    wanted = [False, False, False, True]
    speech = PiperSynthesizer(model).synthesize(TEXT, VoiceStyle(), cancelled=lambda: wanted.pop(0))
    assert len(next(iter(speech)).audio) == CHUNKS[0] * HOP
    with pytest.raises(Cancelled):
        list(speech)


@pytest.mark.parametrize("frames", [1, 15, 16, 17, 31, 32, 100, 435, 5000])
def test_stretches_cover_every_frame_once(frames: int) -> None:
    found = list(stretches(frames))
    assert found[0][0] == 0
    assert found[-1][1] == frames
    assert all(before[1] == after[0] for before, after in pairwise(found))
    assert all(end - start <= max(CHUNKS) + CHUNKS[0] for start, end in found)


def test_the_halves_are_whole_models_of_their_own(model: Path) -> None:
    halves = cut_at_decoder(model.read_bytes())
    assert halves is not None
    for half in halves:
        onnx.checker.check_model(half, full_check=True)
    decoder = onnx.load_from_string(halves.decoder).graph
    assert [given.name for given in decoder.input] == [FRAMES_NAME]
    assert all(node.name.startswith("/dec/") for node in decoder.node[1:-1])
    names = {constant.name for half in halves for constant in onnx.load_from_string(half).graph.initializer}
    assert names == {constant.name for constant in onnx.load(str(model)).graph.initializer}


def test_the_encoder_is_cut_where_its_flow_begins(model: Path) -> None:
    halves = cut_at_decoder(model.read_bytes())
    assert halves is not None
    parts = cut_at_flow(halves.encoder)
    assert parts is not None
    text, through = (onnxruntime.InferenceSession(part) for part in parts)
    assert [told.name for told in text.get_outputs()] == [given.name for given in through.get_inputs()]
    flow = onnx.load_from_string(parts.flow).graph
    assert len(flow.input) == 1
    assert all(node.name.startswith("/flow") for node in flow.node)
    names = {constant.name for part in parts for constant in onnx.load_from_string(part).graph.initializer}
    assert names == {constant.name for constant in onnx.load_from_string(halves.encoder).graph.initializer}
    assert cut_at_flow(halves.decoder) is None


def test_a_flow_is_found_where_only_its_beginning_has_a_name(model: Path) -> None:
    graph = onnx.load(str(model))
    flow = [node for node in graph.graph.node if node.name.startswith("/flow")]
    for node in flow[1:]:
        node.name = ""
    halves = cut_at_decoder(graph.SerializeToString())
    assert halves is not None
    parts = cut_at_flow(halves.encoder)
    assert parts is not None
    assert len(onnx.load_from_string(parts.flow).graph.input) == 1
    assert len(onnx.load_from_string(parts.flow).graph.node) == len(flow)


class Smoothing:
    """A flow whose every frame depends on `FLOW_OVERLAP` frames to either side; counts what it is given."""

    def __init__(self) -> None:
        self.lengths: list[int] = []

    def run(self, _: None, feeds: dict[str, np.ndarray]) -> list[np.ndarray]:
        drawn, mask = feeds["drawn"], feeds["mask"]
        assert drawn.shape[2] == mask.shape[2]
        self.lengths.append(drawn.shape[2])
        around = np.pad((drawn * mask)[0], ((0, 0), (FLOW_OVERLAP, FLOW_OVERLAP)))
        windows = np.lib.stride_tricks.sliding_window_view(around, 2 * FLOW_OVERLAP + 1, axis=1)
        return [(windows @ np.linspace(1, 2, 2 * FLOW_OVERLAP + 1))[None] + feeds["speaker"]]


@pytest.mark.parametrize("number", [1, 20, 90, 483])
def test_frames_are_made_as_they_are_wanted_and_are_those_of_the_whole(number: int) -> None:
    random = np.random.default_rng(3)
    entering = {
        "drawn": random.normal(size=(1, 4, number)),
        "mask": np.ones((1, 1, number)),
        "speaker": random.normal(size=(1, 4, 1)),
    }
    flow = Smoothing()
    frames = FlowingFrames(flow, entering)
    assert frames.number == number
    (whole,) = Smoothing().run(None, entering)
    for start, end in stretches(number):
        assert frames.upto(end).shape == (1, 4, end)
        assert np.allclose(frames.upto(end)[:, :, start:], whole[:, :, start:end])
    assert flow.lengths[0] <= CHUNKS[0] + FLOW_OVERLAP + CHUNKS[0]
    assert sum(flow.lengths) <= number + 2 * FLOW_OVERLAP * len(flow.lengths)
    assert len(flow.lengths) <= 5


@pytest.mark.slow
def test_a_flow_that_looks_at_the_whole_sentence_gets_it(copy: Path) -> None:
    graph = onnx.load(str(copy))
    pre = next(node for node in graph.graph.node if node.name == "/dec/conv_pre/Conv")
    frames, pre.input[0] = pre.input[0], "lowered"
    at = list(graph.graph.node).index(pre)
    graph.graph.node.insert(at, helper.make_node("ReduceMax", [frames], ["peak"], axes=[2], keepdims=1))
    graph.graph.node.insert(at + 1, helper.make_node("Sub", [frames, "peak"], ["lowered"]))
    onnx.save(graph, str(copy))
    voice, streamed = open_voice(copy)
    assert isinstance(streamed, StreamedSentence)
    ids = voice.phonemes_to_ids(voice.phonemize(TEXT)[0])
    pieces = [piece.audio for piece in streamed.render(ids, STILL)]
    (whole,) = WholeSentence(load_voice(copy)).render(ids, STILL)
    assert len(pieces) > 2
    assert np.max(np.abs(np.concatenate(pieces) - whole.audio)) < 1e-4


def test_a_voice_is_cut_once(copy: Path) -> None:
    first = parts_of(copy)
    assert first is not None
    times = {path.name: path.stat().st_mtime_ns for path in (copy.parent / FOLDER).iterdir()}
    assert len(times) == 4
    assert parts_of(copy) == first
    assert {path.name: path.stat().st_mtime_ns for path in (copy.parent / FOLDER).iterdir()} == times


@pytest.mark.slow
def test_another_voice_of_the_same_name_is_cut_anew(copy: Path) -> None:
    first = parts_of(copy)
    graph = onnx.load(str(copy))
    graph.producer_name = "another"
    onnx.save(graph, str(copy))
    second = parts_of(copy)
    assert second != first
    assert second is not None
    assert {str(path) for path in (copy.parent / FOLDER).iterdir()} == set(second)


@pytest.mark.slow
def test_what_another_way_of_cutting_left_is_forgotten(copy: Path) -> None:
    parts = parts_of(copy)
    assert parts is not None
    encoder = Path(str(parts.encoder))
    old = encoder.with_name(encoder.name.replace(".v1.", ".v0."))
    encoder.rename(old)
    assert parts_of(copy) == parts
    assert not old.exists()


@pytest.mark.slow
def test_a_folder_that_cannot_be_written_keeps_nothing(copy: Path) -> None:
    # A file where the folder should be: refused to every user, root included.
    (copy.parent / FOLDER).write_text("taken", encoding="utf-8")
    parts = parts_of(copy)
    assert parts is not None
    assert isinstance(parts.decoder, bytes)
    assert len(say(PiperSynthesizer(copy), TEXT).chunks) > 2


@pytest.mark.slow
def test_a_damaged_half_is_cut_anew(copy: Path) -> None:
    parts = parts_of(copy)
    assert parts is not None
    decoder = Path(str(parts.decoder))
    decoder.write_bytes(decoder.read_bytes()[:1000])
    assert say(PiperSynthesizer(copy), TEXT).seconds > 1
    assert len(say(PiperSynthesizer(copy), TEXT).chunks) > 2


def test_a_voice_without_such_a_decoder_speaks_whole_sentences(tmp_path: Path) -> None:
    voice = make_voice(tmp_path)
    assert cut_at_decoder(voice.read_bytes()) is None
    assert isinstance(open_voice(voice)[1], WholeSentence)
    assert not (tmp_path / FOLDER).exists()


@pytest.mark.slow
def test_a_decoder_that_looks_at_the_whole_sentence_gets_it(copy: Path) -> None:
    graph = onnx.load(str(copy))
    last = next(node for node in graph.graph.node if node.name == "/Unsqueeze")
    sound = last.input[0]
    graph.graph.node.remove(last)
    graph.graph.node.extend(
        [
            helper.make_node("ReduceMax", [sound], ["loudest"], axes=[2], keepdims=1),
            helper.make_node("Div", [sound, "loudest"], ["loud"]),
            helper.make_node("Unsqueeze", ["loud", "axis_1"], ["output"]),
        ]
    )
    onnx.save(graph, str(copy))
    assert cut_at_decoder(copy.read_bytes()) is not None
    assert isinstance(open_voice(copy)[1], WholeSentence)


def test_more_than_the_frames_across_the_cut_means_no_cut(copy: Path) -> None:
    graph = onnx.load(str(copy))
    post = next(node for node in graph.graph.node if node.name == "/dec/Tanh")
    graph.graph.node.insert(
        list(graph.graph.node).index(post), helper.make_node("Mul", [post.input[0], "/Exp_output_0"], ["mixed"])
    )
    post.input[0] = "mixed"
    assert cut_at_decoder(graph.SerializeToString()) is None


@pytest.mark.slow
def test_a_voice_of_several_speakers_keeps_them(copy: Path) -> None:
    graph = onnx.load(str(copy))
    pre = next(node for node in graph.graph.node if node.name == "/dec/conv_pre/Conv")
    made, pre.output[0] = pre.output[0], "bare"
    speakers = np.stack([np.zeros((256, 1)), np.ones((256, 1))]).astype(np.float32)
    graph.graph.initializer.append(numpy_helper.from_array(speakers, "emb_g.weight"))
    graph.graph.input.append(helper.make_tensor_value_info("sid", TensorProto.INT64, ["batch_size"]))
    at = list(graph.graph.node).index(pre) + 1
    graph.graph.node.insert(at, helper.make_node("Gather", ["emb_g.weight", "sid"], ["speaker"]))
    graph.graph.node.insert(at + 1, helper.make_node("Add", ["bare", "speaker"], [made]))
    onnx.save(graph, str(copy))
    description = copy.with_name(copy.name + ".json")
    description.write_text(
        description.read_text(encoding="utf-8").replace('"num_speakers": 1', '"num_speakers": 2'), encoding="utf-8"
    )
    voice, streamed = open_voice(copy)
    assert isinstance(streamed, StreamedSentence)
    ids = voice.phonemes_to_ids(voice.phonemize("Yes.")[0])
    said = {}
    for speaker in (0, 1):
        config = SynthesisConfig(speaker_id=speaker, noise_scale=0.0)
        said[speaker] = np.concatenate([piece.audio for piece in streamed.render(ids, config)])
        (whole,) = WholeSentence(load_voice(copy)).render(ids, config)
        assert np.max(np.abs(said[speaker] - whole.audio)) < 1e-4
    assert np.max(np.abs(said[0] - said[1])) > 0.01


@pytest.mark.parametrize("part", [0.1, 0.5, 0.999])
def test_a_voice_cut_short_is_refused_with_what_to_do(copy: Path, part: float) -> None:
    copy.write_bytes(copy.read_bytes()[: int(copy.stat().st_size * part)])
    with pytest.raises(EngineUnavailable, match="is not a whole ONNX model; delete it"):
        PiperSynthesizer(copy)


@pytest.mark.slow
def test_a_description_of_another_voice_is_refused(copy: Path) -> None:
    description = copy.with_name(copy.name + ".json")
    description.write_text(
        description.read_text(encoding="utf-8").replace('"x": [36]', '"x": [3600]'), encoding="utf-8"
    )
    with pytest.raises(EngineUnavailable, match="does not belong to"):
        PiperSynthesizer(copy)


def test_a_description_of_several_speakers_does_not_belong_to_a_voice_of_one(copy: Path) -> None:
    description = copy.with_name(copy.name + ".json")
    about = json.loads(description.read_text(encoding="utf-8"))
    description.write_text(json.dumps(about | {"num_speakers": 4}), encoding="utf-8")
    with pytest.raises(EngineUnavailable, match="does not belong to"):
        PiperSynthesizer(copy)


def test_the_halves_keep_to_one_thread(model: Path) -> None:
    session = open_voice(model)[0].session
    assert isinstance(session, onnxruntime.InferenceSession)
    assert session.get_session_options().intra_op_num_threads == 1
