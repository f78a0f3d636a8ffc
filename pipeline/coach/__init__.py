"""Grading, hints and feedback: by stated rules, or by a language model."""
