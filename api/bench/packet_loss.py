"""What lost packets cost the recogniser: word error of prompts that the SIP line hears, against PCM16 at 8 kHz.

    python -m api.bench.packet_loss MODELS_DIR PROMPTS_DIR

PROMPTS_DIR has a manifest.json with `file` and `text`, as tests/audio/human has, and prompts in it or in `prompts/`.
"""

import json
import random
import struct
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from api.doors.telephone.sip_media import CODECS, REORDERED, RtpAudio
from voice.audio.containers import decode_file
from voice.audio.formats import Int16Mono, float32_of, int16_of
from voice.audio.g711 import mulaw_encode
from voice.audio.resample import Resampler
from voice.stt.whisper.engine import FasterWhisper
from voice.stt.word_error import WordErrors, word_errors

RATE_HZ = 8_000
PACKET = 160
LOSSES = (None, 0.02, 0.0, 0.05)
SEED = 15


def lossy(samples: Int16Mono, loss: float, chance: random.Random) -> Int16Mono:
    """Send 8 kHz samples as RTP, lose some of the packets, and return what the SIP line hears."""
    codec = CODECS["PCMU"]
    rtp = RtpAudio(0, codec=codec.coder(), clock_rate=8_000, jitter_prefetch=REORDERED, skip_audio_gaps=True)
    rtp.open_for(codec, frozenset(("caller",)))
    came = list[bytes]()
    rtp.heard = lambda pcm, _at_ms: came.append(pcm)
    padded = np.concatenate([samples, np.zeros(PACKET * 6, np.int16)])
    for number in range(len(padded) // PACKET):
        if chance.random() < loss:
            continue
        header = struct.pack("!BBHII", 0x80, 0, number & 0xFFFF, number * PACKET, 7)
        packet = header + mulaw_encode(padded[number * PACKET : number * PACKET + PACKET])
        rtp._handle_rtp(packet, ("caller", 4_000))
    return np.frombuffer(b"".join(came), "<i2").astype(np.int16)


def measured(
    whisper: FasterWhisper, prompts: Sequence[tuple[str, Int16Mono]], losses: Sequence[float | None]
) -> list[WordErrors]:
    """Return the word errors of each share of lost packets; None is PCM16 that went over no line.

    Args:
        prompts: texts, and samples at 8 kHz.
    """
    found = []
    for loss in losses:
        errors, chance = WordErrors(), random.Random(SEED)
        for text, samples in prompts:
            heard = samples if loss is None else lossy(samples, loss, chance)
            resampler = Resampler(RATE_HZ, 16_000)
            whole = np.concatenate([resampler.process(heard), resampler.flush()])
            errors += word_errors(text, whisper.transcribe(float32_of(whole), cancelled=lambda: False).text)
        found.append(errors)
    return found


def at_8_khz(audio: np.ndarray) -> Int16Mono:
    """Resample 16 kHz floats."""
    resampler = Resampler(16_000, RATE_HZ)
    return np.concatenate([resampler.process(int16_of(audio)), resampler.flush()])


if __name__ == "__main__":
    models, folder = Path(sys.argv[1]), Path(sys.argv[2])
    entries = json.loads((folder / "manifest.json").read_text("utf-8"))
    spoken = [
        (str(one["text"]), at_8_khz(decode_file((folder / one["file"]).read_bytes(), max_seconds=30)))
        for one in entries
        if one.get("text") and (folder / one["file"]).parent.name in ("prompts", folder.name)
    ]
    engine = FasterWhisper(models / "whisper" / "base", label="base", device="cpu", compute_type="int8", cpu_threads=1)
    for loss in LOSSES:
        (errors,) = measured(engine, spoken, (loss,))
        name = "PCM16" if loss is None else f"mu-law by RTP, {loss:.0%} lost"
        sys.stdout.write(f"| {name} | {errors.rate:.1%} | {errors.errors} of {errors.words} |\n")
        sys.stdout.flush()
