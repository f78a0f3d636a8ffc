"""A corpus of turns with pauses, and the scores of endpointing rules on it."""
