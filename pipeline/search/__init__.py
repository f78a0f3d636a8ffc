"""Search by words and by meaning: stems, passages, their ranking, and sentence models."""
