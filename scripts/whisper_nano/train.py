"""Trains whisper:nano: Whisper's architecture, with a joint attention and CTC loss, on the shards of speech.py.

The CTC head lets the encoder learn the alignment in minutes; it is stored beside the checkpoint, and not converted.

    python scripts/whisper_nano/train.py SPEECH CHECKPOINT [--resume CHECKPOINT] [--minutes N] [--threads N]
"""

import argparse
import math
import time
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as torch_functions
from batches import LETTERS, MASKED, Batch, Batches
from tokenizers import Tokenizer
from torch import nn
from transformers import WhisperConfig, WhisperForConditionalGeneration

MODEL = Path(__file__).parents[2] / "voice" / "test_models" / "whisper-nano"
CTC_HEAD = "ctc_head.pt"
REPORT_EVERY = 20
HEAD_ALONE, HEAD_RATE = 15, 1e-2
"""Steps in which a new CTC head is trained alone, so that it does not disturb a trained encoder."""


def new_model(vocabulary: int, end: int, start: int) -> WhisperForConditionalGeneration:
    """Create the model with random weights: 2.3 M parameters with a vocabulary of 1010 tokens."""
    return WhisperForConditionalGeneration(
        WhisperConfig(
            vocab_size=vocabulary,
            d_model=160,
            encoder_layers=3,
            decoder_layers=2,
            encoder_attention_heads=5,
            decoder_attention_heads=5,
            encoder_ffn_dim=640,
            decoder_ffn_dim=640,
            max_source_positions=1500,
            max_target_positions=96,
            num_mel_bins=80,
            pad_token_id=end,
            bos_token_id=end,
            eos_token_id=end,
            decoder_start_token_id=start,
            dropout=0.0,
            suppress_tokens=[],
            begin_suppress_tokens=[],
        )
    )


def encoded(model: WhisperForConditionalGeneration, mel: torch.Tensor) -> torch.Tensor:
    """Run the encoder on windows of any length (Transformers' accepts 30 s only). Shape (n, window / 2, width)."""
    encoder = model.model.encoder
    hidden = torch_functions.gelu(encoder.conv1(mel))
    hidden = torch_functions.gelu(encoder.conv2(hidden)).transpose(1, 2)
    hidden = hidden + encoder.embed_positions.weight[: hidden.shape[1]]
    for layer in encoder.layers:
        hidden = layer(hidden, None)
    return encoder.layer_norm(hidden)


@dataclass(frozen=True)
class Losses:
    """The losses of a batch, averaged over tokens and letters."""

    attention: torch.Tensor
    ctc: torch.Tensor


def losses_of(model: WhisperForConditionalGeneration, head: nn.Linear, batch: Batch) -> Losses:
    """Compute the next token's cross-entropy (label smoothing 0.05) and CTC over letters (Watanabe et al. 2017)."""
    heard = encoded(model, batch.mel)
    hidden = model.model.decoder(input_ids=batch.tokens, encoder_hidden_states=heard, use_cache=False).last_hidden_state
    attention = torch_functions.cross_entropy(
        model.proj_out(hidden).flatten(0, 1), batch.labels.flatten(), ignore_index=MASKED, label_smoothing=0.05
    )
    # Restrict CTC to the frames with audio, without the window's padding.
    heard = heard[:, : int(batch.frame_counts.max())]
    letters = head(heard).log_softmax(-1).transpose(0, 1)
    ctc = torch_functions.ctc_loss(letters, batch.letters, batch.frame_counts, batch.letter_counts, zero_infinity=True)
    return Losses(attention, ctc)


def learning_rate(step: int, part: float, highest: float, warm_steps: int) -> float:
    """Return the learning rate: linear warm-up over `warm_steps`, then cosine decay to a fiftieth; `part` is 0..1."""
    return highest * min(1.0, (step + 1) / warm_steps) * (0.02 + 0.98 * (1 + math.cos(math.pi * min(part, 1.0))) / 2)


def save(model: WhisperForConditionalGeneration, head: nn.Linear, folder: Path) -> None:
    """Write a checkpoint for `--resume` and convert.py."""
    model.save_pretrained(folder)
    torch.save(head.state_dict(), folder / CTC_HEAD)


@torch.no_grad()
def print_held_out(model: WhisperForConditionalGeneration, head: nn.Linear, batches: Batches, when: str) -> None:
    """Print the losses on the held-out utterances."""
    losses = losses_of(model, head, batches.held_out())
    print(f"held out, {when}: attention {losses.attention:.3f}  ctc {losses.ctc:.3f}", flush=True)  # noqa: T201


def train(
    batches: Batches, model: WhisperForConditionalGeneration, head: nn.Linear, options: argparse.Namespace
) -> int:
    """Train for the given minutes; return the number of steps."""
    parameters = [*model.parameters(), *head.parameters()]
    optimizer = torch.optim.AdamW(parameters, betas=(0.9, 0.98), weight_decay=0.01)
    head_is_new = options.resume is not None and not (options.resume / CTC_HEAD).is_file()
    print_held_out(model, head, batches, "before")
    begun = saved = time.monotonic()
    step = utterances = 0
    attention = ctc = 0.0
    while (part := (time.monotonic() - begun) / (60 * options.minutes)) < 1:
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, part, options.rate, 20 if options.resume else 300)
        batch = batches.draw()
        losses = losses_of(model, head, batch)
        if head_is_new and step < HEAD_ALONE:
            loss = losses.ctc
            optimizer.param_groups[0]["lr"] = HEAD_RATE
        else:
            loss = losses.attention + (0.5 if part < 0.6 else 0.1) * losses.ctc
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        if head_is_new and step < HEAD_ALONE:
            for parameter in model.parameters():
                parameter.grad = None
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        step, utterances = step + 1, utterances + len(batch.mel)
        attention, ctc = attention + losses.attention.item(), ctc + losses.ctc.item()
        if step % REPORT_EVERY == 0:
            seconds = time.monotonic() - begun
            print(  # noqa: T201
                f"{seconds:5.0f} s  step {step}  attention {attention / REPORT_EVERY:.3f}  ctc {ctc / REPORT_EVERY:.3f}"
                f"  {utterances / seconds:.0f} utterances/s of {batches.look()}",
                flush=True,
            )
            attention = ctc = 0.0
        if time.monotonic() - saved > 60 * options.save_minutes:
            save(model, head, options.checkpoint)
            saved = time.monotonic()
    print_held_out(model, head, batches, f"after {step} steps")
    return step


def main() -> None:
    """Train from scratch or from a checkpoint."""
    parser = argparse.ArgumentParser(description="Train whisper:nano.")
    parser.add_argument("speech", type=Path, help="the folder of speech.py")
    parser.add_argument("checkpoint", type=Path, help="the folder to write, in Transformers' form")
    parser.add_argument("--resume", type=Path, help="a checkpoint to begin with")
    parser.add_argument("--tokenizer", type=Path, default=MODEL / "tokenizer.json")
    parser.add_argument("--minutes", type=float, default=90)
    parser.add_argument("--save-minutes", type=float, default=5)
    parser.add_argument("--rate", type=float, help="highest learning rate; 1.2e-3 from nothing, 4e-4 resumed")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    options.rate = options.rate or (4e-4 if options.resume else 1.2e-3)
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    tokenizer = Tokenizer.from_file(str(options.tokenizer))
    batches = Batches(options.speech, tokenizer, options.batch, options.seed)
    if not batches.look():
        parser.error(f"there is no speech in {options.speech}; run speech.py first")
    if options.resume:
        model = WhisperForConditionalGeneration.from_pretrained(options.resume, local_files_only=True)
        if model.config.vocab_size != tokenizer.get_vocab_size():
            parser.error("the checkpoint was trained with another tokenizer; name it with --tokenizer")
    else:
        model = new_model(tokenizer.get_vocab_size(), batches.end, tokenizer.token_to_id("<|startoftranscript|>"))
    model.train()
    head = nn.Linear(model.config.d_model, len(LETTERS) + 1)
    if options.resume and (options.resume / CTC_HEAD).is_file():
        head.load_state_dict(torch.load(options.resume / CTC_HEAD, weights_only=True))
    steps = train(batches, model, head, options)
    save(model, head, options.checkpoint)
    print(f"{steps} steps; the checkpoint is in {options.checkpoint}")  # noqa: T201


if __name__ == "__main__":
    main()
