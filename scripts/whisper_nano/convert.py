"""Converts a checkpoint of train.py to a CTranslate2 int8 model of a few MB, without the Hugging Face hub.

CTranslate2's own converter downloads the tokenizer from the hub; this one passes the layers to its loader one by one,
and reads the vocabulary from the tokenizer's file.

    python scripts/whisper_nano/convert.py CHECKPOINT FOLDER [--tokenizer FILE]
"""

import argparse
import json
import shutil
from pathlib import Path

from ctranslate2.converters.transformers import WhisperLoader
from ctranslate2.specs.whisper_spec import WhisperSpec
from faster_whisper.feature_extractor import FeatureExtractor
from tokenizers import Tokenizer
from train import MODEL
from transformers import WhisperForConditionalGeneration


def convert(checkpoint: Path, folder: Path, tokenizer_file: Path) -> None:
    """Write model.bin, config.json, vocabulary.json, tokenizer.json and preprocessor_config.json into `folder`."""
    tokenizer = Tokenizer.from_file(str(tokenizer_file))
    model = WhisperForConditionalGeneration.from_pretrained(checkpoint, local_files_only=True)
    shape = model.config
    spec = WhisperSpec(
        shape.encoder_layers, shape.encoder_attention_heads, shape.decoder_layers, shape.decoder_attention_heads
    )
    loader = WhisperLoader()
    loader.set_encoder(spec.encoder, model.model.encoder)
    loader.set_decoder(spec.decoder, model.model.decoder)
    loader.set_linear(spec.decoder.projection, model.proj_out)
    spec.register_vocabulary(sorted(tokenizer.get_vocab(), key=tokenizer.token_to_id))
    spec.config.suppress_ids = []
    spec.config.suppress_ids_begin = [tokenizer.token_to_id("<|endoftext|>")]
    spec.config.lang_ids = [tokenizer.token_to_id("<|en|>")]
    spec.config.alignment_heads = [(shape.decoder_layers - 1, head) for head in range(shape.decoder_attention_heads)]
    spec.config.add_attribute("max_target_positions", shape.max_target_positions)
    folder.mkdir(parents=True, exist_ok=True)
    spec.validate()
    spec.optimize(quantization="int8")
    spec.save(str(folder))
    if tokenizer_file.resolve() != (folder / "tokenizer.json").resolve():
        shutil.copyfile(tokenizer_file, folder / "tokenizer.json")
    mel = FeatureExtractor()
    about = {
        "chunk_length": mel.chunk_length,
        "feature_size": mel.mel_filters.shape[0],
        "hop_length": mel.hop_length,
        "n_fft": mel.n_fft,
        "sampling_rate": mel.sampling_rate,
        "nb_max_frames": mel.nb_max_frames,
        "n_samples": mel.n_samples,
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(about), "utf-8")


def main() -> None:
    """Convert a checkpoint."""
    parser = argparse.ArgumentParser(description="Convert a whisper:nano checkpoint to CTranslate2 int8.")
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--tokenizer", type=Path, default=MODEL / "tokenizer.json")
    options = parser.parse_args()
    convert(options.checkpoint, options.folder, options.tokenizer)


if __name__ == "__main__":
    main()
