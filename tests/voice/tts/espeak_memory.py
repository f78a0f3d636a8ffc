"""Print what a hundred clauses of eSpeak NG leave behind, in bytes; a program of its own, where nothing else runs."""

import ctypes
import gc
import sys

from tests.hearing import say
from voice.tts.espeak import engine
from voice.tts.espeak.engine import EspeakSynthesizer


class MallocInfo(ctypes.Structure):
    """`struct mallinfo2` of malloc.h."""

    _fields_ = tuple((name, ctypes.c_size_t) for name in (
        "arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost",
    ))  # fmt: skip


def allocated() -> int:
    """How many bytes the allocator of C has given out, with the library loaded again for the next clause."""
    engine._owner.submit(int).result()
    gc.collect()
    told = ctypes.CDLL(None).mallinfo2
    told.restype = MallocInfo
    return int(told().uordblks)


if __name__ == "__main__":
    espeak = EspeakSynthesizer()
    for _ in range(30):
        say(espeak, "Yes.")
    before = allocated()
    for _ in range(100):
        say(espeak, "Yes.")
    sys.stdout.write(f"{allocated() - before}\n")
