"""Timelines: what happened in a call and when, as lines and as a picture; of live calls and of replayed ones."""
