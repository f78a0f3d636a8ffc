"""Responders: any OpenAI-compatible language model, or the offline scripted persona."""
