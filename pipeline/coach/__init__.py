"""Coaching: grades, hints and feedback, by rules or by a language model."""
