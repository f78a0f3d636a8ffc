"""Weights of the engines: their hashes, their sources, and the ways to install them into the data directory."""
