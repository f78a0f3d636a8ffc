"""MiniLM, a small sentence model: maps a text to a vector, close to those of texts that mean the same.

It is packaged in eight bits; `glow models pull minilm` brings it whole.

Source: sentence-transformers/all-MiniLM-L6-v2 (Apache-2.0), six layers of BERT distilled by Wang et al. 2020 and tuned
on a billion pairs of sentences. English only. The computation is minilm.onnx beside this file, which refers to the
tensors of model.safetensors as external data; scripts/sentence_graph.py writes it. The packaged one is written by
scripts/packaged_sentence_graph.py.
"""

import math
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pipeline.search.meaning import Pieces, Vectors
from pipeline.search.safetensors import read_tensors
from voice.errors import EngineFailed, EngineUnavailable

if TYPE_CHECKING:
    import onnxruntime

GRAPH_FILE, WEIGHTS_FILE, WORDS_FILE = "minilm.onnx", "model.safetensors", "tokenizer.json"
LAYERS, HEADS, WIDTH, EPSILON = 6, 12, 384, 1e-12

PIECES_LAYER = 4
"""The layer whose pieces of words are compared: of the six the one that ranks best, by cross-validation."""

PACKAGED = Path(__file__).with_name("packaged")
"""The folder of the packaged model."""

TOKENS_LIMIT = 256
"""Maximum number of tokens of a text; the rest is not read, as in the model's own settings."""

CHARACTERS_LIMIT = 4000
"""Maximum number of characters that are tokenized; more would not fit the tokens."""

BATCH = 8
"""Texts in one run: more gain nothing on a CPU."""

MOST_DIFFERENCE = 1e-4
"""Maximum difference of an element between the runtime's vectors and numpy's."""

_CHECKED = ("May I eat before the ultrasound?", "Most people may take small sips of water beforehand.", "no")


class SentenceModel:
    """MiniLM on onnxruntime. Blocking: run it in a worker; 5 to 10 ms for a sentence on one core.

    Args:
        folder: contains model.safetensors and tokenizer.json; the graph is put beside them if it is missing. The
            packaged model by default.

    Raises:
        EngineUnavailable: a file is missing or not the model's; the message says what to do.
    """

    name = "minilm"

    def __init__(self, folder: Path = PACKAGED) -> None:
        remedy = "install Glow Voice again" if folder == PACKAGED else "run `glow models pull minilm`"
        for name in (GRAPH_FILE if folder == PACKAGED else WEIGHTS_FILE, WORDS_FILE):
            if not (folder / name).is_file():
                raise EngineUnavailable(f"{folder} has no {name}; {remedy}.")
        import onnxruntime
        from tokenizers import Tokenizer

        try:
            graph = folder / GRAPH_FILE if folder == PACKAGED else lay_graph(folder)
            self._tokenizer = Tokenizer.from_file(str(folder / WORDS_FILE))
            self._tokenizer.enable_truncation(TOKENS_LIMIT)
            self._tokenizer.enable_padding()
            self._session = onnxruntime.InferenceSession(str(graph), one_thread(), providers=["CPUExecutionProvider"])
            works = self.vectors(["works"]).shape == (1, WIDTH)
        except EngineUnavailable:
            raise
        except Exception as error:  # both libraries have a class of exception for each kind of broken file
            raise EngineUnavailable(
                f"The sentence model in {folder} cannot be loaded ({str(error).splitlines()[0][:200]}); {remedy}."
            ) from error
        if not works:
            raise EngineUnavailable(f"The sentence model in {folder} is another one; {remedy}.")

    def tokens(self, texts: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Tokenize texts: ids and attention mask, both of shape (n, t), t <= TOKENS_LIMIT."""
        encoded = self._tokenizer.encode_batch([text[:CHARACTERS_LIMIT] for text in texts])
        ids = np.array([item.ids for item in encoded], np.int64)
        return ids, np.array([item.attention_mask for item in encoded], np.int64)

    def vectors(self, texts: Sequence[str]) -> Vectors:
        """Return the unit vectors of texts, shape (n, 384).

        Raises:
            EngineFailed: the runtime failed.
        """
        found = [np.zeros((0, WIDTH), np.float32)]
        for start in range(0, len(texts), BATCH):
            ids, mask = self.tokens(texts[start : start + BATCH])
            try:
                (vectors,) = self._session.run(["meaning"], {"input_ids": ids, "attention_mask": mask})
            except Exception as error:  # see __init__
                raise EngineFailed(f"The sentence model broke: {str(error).splitlines()[0][:200]}.") from error
            found.append(np.asarray(vectors, np.float32))
        return np.concatenate(found)

    def read(self, texts: Sequence[str]) -> tuple[Vectors, list[Pieces]]:
        """Return the unit vectors of texts, and those of the pieces of their words in context.

        Raises:
            EngineFailed: the runtime failed.
        """
        vectors, pieces = [np.zeros((0, WIDTH), np.float32)], list[Pieces]()
        for start in range(0, len(texts), BATCH):
            whole, some = self._read(texts[start : start + BATCH])
            vectors.append(whole)
            pieces += some
        return np.concatenate(vectors), pieces

    def _read(self, texts: Sequence[str]) -> tuple[Vectors, list[Pieces]]:
        encoded = self._tokenizer.encode_batch([text[:CHARACTERS_LIMIT] for text in texts])
        mask = np.array([item.attention_mask for item in encoded], np.int64)
        try:
            whole, inner = self._session.run(
                ["meaning", "pieces"],
                {"input_ids": np.array([item.ids for item in encoded], np.int64), "attention_mask": mask},
            )
        except Exception as error:  # see __init__
            raise EngineFailed(f"The sentence model broke: {str(error).splitlines()[0][:200]}.") from error
        pieces = []
        for item, held in zip(encoded, inner, strict=True):
            said = np.array(item.special_tokens_mask) == 0  # neither the marks of the ends nor padding
            spans = np.array(item.offsets, np.int32).reshape(-1, 2)[said]
            pieces.append(Pieces.of(np.asarray(held[said], np.float32), spans))
        return np.asarray(whole, np.float32), pieces


def one_thread() -> "onnxruntime.SessionOptions":
    """Return the runtime's options: one thread, and silence, as its errors are raised anyway."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    return options


def lay_graph(folder: Path) -> Path:
    """Copy the graph beside the weights it refers to, unless it is there; return its path.

    Raises:
        EngineUnavailable: the weights are not the ones that the graph is for.
        OSError: the folder is not writable.
    """
    packaged, graph = Path(__file__).with_name(GRAPH_FILE), folder / GRAPH_FILE
    if not graph.is_file() or graph.read_bytes() != packaged.read_bytes():
        arriving = graph.with_suffix(".arriving")
        shutil.copyfile(packaged, arriving)
        arriving.replace(graph)
    return graph


def forward(weights: dict[str, NDArray[np.float32]], ids: NDArray[np.int64], mask: NDArray[np.int64]) -> Vectors:
    """Compute the vectors with numpy alone, to check the runtime against: slow, and one text at a time."""
    return np.stack([_forward(weights, line[seen == 1]) for line, seen in zip(ids, mask, strict=True)])


def check(model: SentenceModel, folder: Path) -> None:
    """Compare the runtime's vectors of a few texts with numpy's.

    Raises:
        EngineUnavailable: they differ.
    """
    weights = read_tensors(folder / WEIGHTS_FILE)
    ids, mask = model.tokens(_CHECKED)
    difference = float(np.abs(model.vectors(_CHECKED) - forward(weights, ids, mask)).max())
    if not difference <= MOST_DIFFERENCE:
        raise EngineUnavailable(
            f"The sentence model in {folder} computes something else than its weights say (by {difference:.2g}); "
            "pull it again, or reinstall onnxruntime."
        )


def _forward(weights: dict[str, NDArray[np.float32]], ids: NDArray[np.int64]) -> NDArray[np.float32]:
    def linear(x: NDArray[np.float32], name: str) -> NDArray[np.float32]:
        return np.asarray(x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"])

    def norm(x: NDArray[np.float32], name: str) -> NDArray[np.float32]:
        centred = x - x.mean(-1, keepdims=True)
        spread = np.sqrt((centred**2).mean(-1, keepdims=True) + EPSILON)
        return np.asarray(centred / spread * weights[f"{name}.weight"] + weights[f"{name}.bias"])

    x = weights["embeddings.word_embeddings.weight"][ids] + weights["embeddings.position_embeddings.weight"][: len(ids)]
    x = norm(x + weights["embeddings.token_type_embeddings.weight"][0], "embeddings.LayerNorm")
    for layer in range(LAYERS):
        name = f"encoder.layer.{layer}"
        query, key, value = (
            linear(x, f"{name}.attention.self.{part}").reshape(len(ids), HEADS, -1).swapaxes(0, 1)
            for part in ("query", "key", "value")
        )
        scores = np.exp(query @ key.swapaxes(1, 2) / np.sqrt(WIDTH / HEADS))
        seen = (scores / scores.sum(-1, keepdims=True) @ value).swapaxes(0, 1).reshape(len(ids), WIDTH)
        x = norm(x + linear(seen, f"{name}.attention.output.dense"), f"{name}.attention.output.LayerNorm")
        inner = linear(x, f"{name}.intermediate.dense")
        x = norm(x + linear(_gelu(inner), f"{name}.output.dense"), f"{name}.output.LayerNorm")
    mean = x.mean(0)
    return np.asarray(mean / np.linalg.norm(mean), np.float32)


def _gelu(x: NDArray[np.float32]) -> NDArray[np.float32]:
    bent = np.fromiter((math.erf(value) for value in (x / math.sqrt(2)).ravel()), np.float32, x.size)
    return np.asarray(x * 0.5 * (1 + bent.reshape(x.shape)), np.float32)
