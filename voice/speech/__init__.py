"""Where speech begins, pauses and ends: voice activity, endpointing, an end-of-turn model."""
