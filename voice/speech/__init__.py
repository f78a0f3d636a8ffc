"""Voice activity detection, endpointing and the end-of-turn model."""
