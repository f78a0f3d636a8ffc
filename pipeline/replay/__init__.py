"""Replays: scripted or recorded calls through the production session, in virtual time."""

from pipeline.replay.call_file import CallFile, InvalidCall
from pipeline.replay.reading import read_call
from pipeline.replay.run import Replayed, replay
from pipeline.replay.stage import Stage

__all__ = ["CallFile", "InvalidCall", "Replayed", "Stage", "read_call", "replay"]
