"""Weights of the engines: what each file must be, where it comes from, and how it gets into the data folder."""
