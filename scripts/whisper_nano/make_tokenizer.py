"""Trains whisper:nano's tokenizer: 600 byte-level BPE tokens of its own text, plus Whisper's special tokens.

The shipped model depends on the shipped tokenizer: a new one requires training from scratch.

    python scripts/whisper_nano/make_tokenizer.py FILE
"""

import sys
from pathlib import Path

from text import Sentences
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

TOKENS = 600
TIMESTAMPS = 401
"""Timestamps from 0.00 to 8.00 s in steps of 20 ms: no training utterance is longer."""

SPECIAL = "endoftext startoftranscript en translate transcribe startoflm startofprev nospeech notimestamps".split()


def new_tokenizer(sentences: int = 20_000) -> Tokenizer:
    """Train the tokens. Ids from `TOKENS` on are special tokens, with the timestamps last."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    source = Sentences(seed=0)
    tokenizer.train_from_iterator(
        (f" {source.next()}" for _ in range(sentences)),
        trainers.BpeTrainer(vocab_size=TOKENS, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), special_tokens=[]),
    )
    tokenizer.add_special_tokens([f"<|{name}|>" for name in SPECIAL])
    # faster-whisper identifies timestamp tokens by their ids.
    times = [f"<|{0.02 * step:.2f}|>" for step in range(TIMESTAMPS)]
    tokenizer.add_tokens([AddedToken(time, special=False, normalized=False) for time in times])
    return tokenizer


if __name__ == "__main__":
    new_tokenizer().save(str(Path(sys.argv[1])))
