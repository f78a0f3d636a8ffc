"""A corpus of turns with pauses, and the scores of an end-of-turn detector on it."""
