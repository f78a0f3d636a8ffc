"""Write pipeline/search/packaged: MiniLM in eight bits, and what judges whether a passage answers.

    python scripts/packaged_sentence_graph.py folder-of-minilm

The folder has MiniLM's model.safetensors and tokenizer.json, as `glow models pull minilm` leaves them.
"""

import json
import sys
from pathlib import Path

import numpy as np
import onnx
from graphs import Graph, coarse_rows, in_eight_bits, write
from numpy.typing import NDArray
from onnx import TensorProto
from sentence_graph import WORDS, sentence_graph

from pipeline.search.safetensors import read_tensors
from pipeline.search.sentence_model import GRAPH_FILE, PACKAGED, TOKENS_LIMIT, WEIGHTS_FILE, WORDS_FILE


def used_words(tokenizer: dict[str, object]) -> tuple[dict[str, object], list[int]]:
    """Leave out the words that are reserved; return the tokenizer, and the places of the others."""
    model = tokenizer["model"]
    assert isinstance(model, dict)
    known = sorted(model["vocab"].items(), key=lambda item: item[1])
    ids = [ident for word, ident in known if not word.startswith("[unused")]
    words = {ident: word for word, ident in known}
    vocabulary = {words[ident]: place for place, ident in enumerate(ids)}
    for added in tokenizer["added_tokens"]:  # type: ignore[attr-defined]
        added["id"] = vocabulary[added["content"]]
    processor = tokenizer["post_processor"]
    assert isinstance(processor, dict)
    for name, special in processor.get("special_tokens", {}).items():
        special["ids"] = [vocabulary[name]]
    return tokenizer | {"model": model | {"vocab": vocabulary}}, ids


def small_sentence_model(weights: dict[str, NDArray[np.float32]], ids: list[int]) -> onnx.ModelProto:
    """Return MiniLM with these words, in eight bits."""
    weights = {name: values for name, values in weights.items() if values.dtype == np.float32}
    weights["embeddings.position_embeddings.weight"] = weights["embeddings.position_embeddings.weight"][:TOKENS_LIMIT]

    def looked_up(g: Graph) -> str:
        coarse, scale = coarse_rows(weights[WORDS][ids])
        found = g.node("Gather", g.array(WORDS, coarse), "input_ids")
        return g.node(
            "Mul",
            g.node("Cast", found, to=TensorProto.FLOAT),
            g.node("Gather", g.array(f"{WORDS}.scale", scale), "input_ids"),
        )

    return sentence_graph(Graph(in_eight_bits(weights)), looked_up)


def main(folder: Path) -> None:
    """Write the model and the tokenizer."""
    tokenizer, ids = used_words(json.loads((folder / WORDS_FILE).read_text("utf-8")))
    write(small_sentence_model(read_tensors(folder / WEIGHTS_FILE), ids), PACKAGED / GRAPH_FILE)
    (PACKAGED / WORDS_FILE).write_text(json.dumps(tokenizer, ensure_ascii=False, separators=(",", ":")), "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
