"""The sentence model: the packaged graph, computed by the runtime and by numpy, and files that are not the model's."""

import json
import shutil
import struct
import sys
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.pre_tokenizers import Whitespace

from pipeline.search.catalog import load_minilm, pull_minilm
from pipeline.search.safetensors import Tensor, read_tensors, tensors_of
from pipeline.search.sentence_model import GRAPH_FILE, SentenceModel, check, lay_graph
from tests.weights import without_packages
from voice.errors import EngineUnavailable

SCRIPTS = Path(__file__).parents[3] / "scripts"
SHAPES = {
    "embeddings.LayerNorm.bias": (384,),
    "embeddings.LayerNorm.weight": (384,),
    "embeddings.position_embeddings.weight": (512, 384),
    "embeddings.token_type_embeddings.weight": (2, 384),
    "embeddings.word_embeddings.weight": (30522, 384),
}
LAYER = {
    "attention.output.LayerNorm.bias": (384,),
    "attention.output.LayerNorm.weight": (384,),
    "attention.output.dense.bias": (384,),
    "attention.output.dense.weight": (384, 384),
    "attention.self.key.bias": (384,),
    "attention.self.key.weight": (384, 384),
    "attention.self.query.bias": (384,),
    "attention.self.query.weight": (384, 384),
    "attention.self.value.bias": (384,),
    "attention.self.value.weight": (384, 384),
    "intermediate.dense.bias": (1536,),
    "intermediate.dense.weight": (1536, 384),
    "output.LayerNorm.bias": (384,),
    "output.LayerNorm.weight": (384,),
    "output.dense.bias": (384,),
    "output.dense.weight": (384, 1536),
}
HEADER_BYTES = 11_408
"""Of the published file, whose offsets the graph names."""


def lay_model(folder: Path) -> Path:
    """Write a model with the layout of the published one, and random weights."""
    shapes = SHAPES | {f"encoder.layer.{n}.{name}": shape for n in range(6) for name, shape in LAYER.items()}
    names = sorted(shapes)
    entries = {"embeddings.position_ids": {"dtype": "I64", "shape": [1, 512], "data_offsets": [0, 4096]}}
    end = 4096
    for name in [*names, "pooler.dense.bias", "pooler.dense.weight"]:
        shape = shapes.get(name, (384,) if name.endswith("bias") else (384, 384))
        entries[name] = {
            "dtype": "F32",
            "shape": list(shape),
            "data_offsets": [end, end := end + 4 * int(np.prod(shape))],
        }
    header = (
        json.dumps({"__metadata__": {"format": "pt"}, **entries}, separators=(",", ":")).encode().ljust(HEADER_BYTES)
    )
    random = np.random.default_rng(0)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "model.safetensors").open("wb") as file:
        file.write(struct.pack("<Q", len(header)) + header + bytes(4096))
        for name in names:
            values = random.standard_normal(shapes[name], np.float32) * (0.05 if len(shapes[name]) > 1 else 0.2)
            file.write((values + name.endswith("LayerNorm.weight")).astype("<f4").tobytes())
        file.write(bytes(4 * (384 + 384 * 384)))
    pieces = ["[PAD]", "[UNK]", "no", "may", "i", "eat", "the", "of", "water", "most", "people", "works", "##s"]
    tokenizer = Tokenizer(WordPiece({piece: place for place, piece in enumerate(pieces)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


def test_the_graph_is_what_its_script_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(SCRIPTS)
    import sentence_graph

    try:
        place, weights = 8 + HEADER_BYTES + 4096, {}
        shapes = SHAPES | {f"encoder.layer.{n}.{name}": shape for n in range(6) for name, shape in LAYER.items()}
        for name in sorted(shapes):
            weights[name] = Tensor(shapes[name], place, 4 * int(np.prod(shapes[name])))
            place += weights[name].size
        written = sentence_graph.graph_of(weights).SerializeToString(deterministic=True)
        assert sentence_graph.GRAPH.read_bytes() == written
    finally:
        for name in ("sentence_graph", "graphs"):
            sys.modules.pop(name, None)


@pytest.mark.slow
def test_the_runtime_computes_what_numpy_does(tmp_path: Path) -> None:
    model = SentenceModel(lay_model(tmp_path))
    check(model, tmp_path)
    texts = ["may i eat", "most people may eat the water", "no " * 40]
    together, alone = model.vectors(texts), np.concatenate([model.vectors([text]) for text in texts])
    assert np.allclose(together, alone, atol=1e-5), "padding changes nothing"
    assert np.allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
    assert model.vectors([]).shape == (0, 384)
    vectors, pieces = model.read(texts)
    assert np.allclose(vectors, together, atol=1e-5)
    assert [texts[0][start:end] for start, end in pieces[0].spans] == ["may", "i", "eat"]
    assert np.allclose(np.linalg.norm(pieces[1].vectors, axis=1), 1, atol=0.1), "kept in steps"
    _, (alone_pieces,) = model.read(texts[:1])
    assert np.abs(alone_pieces.vectors - pieces[0].vectors).max() <= 2 / 127, "padding changes nothing"
    with (tmp_path / "model.safetensors").open("r+b") as file:  # other weights than the runtime has loaded
        file.seek(-40_000_000, 2)
        file.write(b"\x11\x3e" * 100_000)
    with pytest.raises(EngineUnavailable, match="something else than its weights say"):
        check(model, tmp_path)


def test_the_packaged_model_knows_what_means_the_same() -> None:
    asked, same, other = SentenceModel().vectors(
        ["May I eat before the ultrasound?", "Can I have breakfast ahead of my scan?", "Who pays for the train?"]
    )
    assert np.linalg.norm(asked) == pytest.approx(1, abs=1e-5)
    assert asked @ same > 0.5 > 0.2 > asked @ other
    vectors, pieces = SentenceModel().read(["May I eat?"])
    assert vectors.shape == (1, 384)
    assert ["May I eat?"[start:end] for start, end in pieces[0].spans] == ["May", "I", "eat", "?"]


@pytest.mark.slow
def test_eight_bits_compute_about_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(SCRIPTS)
    import packaged_sentence_graph

    try:
        whole = lay_model(tmp_path / "whole")
        small = tmp_path / "small"
        weights = read_tensors(whole / "model.safetensors")
        model = packaged_sentence_graph.small_sentence_model(weights, list(range(100)))
        packaged_sentence_graph.write(model, small / GRAPH_FILE)
        shutil.copy(whole / "tokenizer.json", small)
        monkeypatch.setattr("pipeline.search.sentence_model.PACKAGED", small)
        texts = ["may i eat", "most people may eat the water"]
        cosines = (SentenceModel(small).vectors(texts) * SentenceModel(whole).vectors(texts)).sum(1)
        assert cosines.min() > 0.99
    finally:
        for name in ("packaged_sentence_graph", "sentence_graph", "graphs"):
            sys.modules.pop(name, None)


def test_what_is_no_model_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without_packages(monkeypatch, tmp_path / "site-packages")
    with pytest.raises(EngineUnavailable, match=r"has no model\.safetensors; run `glow models pull minilm`"):
        load_minilm(tmp_path)
    with pytest.raises(EngineUnavailable, match="put it there"):
        pull_minilm(tmp_path, place=str(tmp_path))
    folder = tmp_path / "sentences" / "minilm"
    folder.mkdir(parents=True)
    (folder / "tokenizer.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(b"cut")
    with pytest.raises(EngineUnavailable, match="cannot be loaded"):
        load_minilm(tmp_path)
    assert lay_graph(folder).name == GRAPH_FILE


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "is not a safetensors file"),
        (struct.pack("<Q", 1 << 40), "is not a safetensors file"),
        (struct.pack("<Q", 2) + b"[]", "is not a safetensors file"),
        (struct.pack("<Q", 4) + b"{nan", "is not a safetensors file"),
        (struct.pack("<Q", 55) + b'{"a": {"dtype": "F32", "shape": [1], "data_offsets": []}}', "is not a safetensors"),
        (
            struct.pack("<Q", 62) + b'{"a": {"dtype": "F32", "shape": [9], "data_offsets": [0, 36]}}',
            "is cut short: a is not all there",
        ),
    ],
)
def test_a_file_that_is_no_safetensors_file_is_refused(tmp_path: Path, data: bytes, said: str) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(data)
    with pytest.raises(EngineUnavailable, match=said):
        tensors_of(path)
