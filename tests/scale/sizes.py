"""How large the tests of several processes are: small among all others, and whole for `make test-scale`."""

import os
import sys

import pytest

WHOLE = os.environ.get("SCALE") == "whole"

whole_only = pytest.mark.skipif(not WHOLE, reason="runs with make test-scale")

CALLERS = 20 if WHOLE else 8
INSTANTS = 10 if WHOLE else 4
"""At which a gateway is told to stop, of each of the seeds."""

SEEDS = (17, 18) if WHOLE else (17,)
"""With each of two databases, that makes 40 instants."""

STORM = 200 if WHOLE else 40
"""Connections that are cut at once."""

FROZEN_S = 20.0 if WHOLE else 0.0
"""For how long a gateway is frozen, at least; it always is until another one has its call."""

LOADED = 5.0
"""How much longer than it is meant to something may take here: the machine has much else to do."""


def shown(sentence: str) -> None:
    """Tell what came out, to whom runs these tests with -s."""
    sys.stdout.write(f"\n{sentence}\n")
