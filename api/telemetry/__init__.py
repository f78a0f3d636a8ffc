"""What an operator sees: metrics, traces of turns, and JSON logs.

names.py      every name that is exported
turns.py      a turn's stages, from a call's events and the steps of its turn machine
metrics.py    instruments
tracing.py    spans
json_logs.py  log records as JSON
telemetry.py  puts them together for the running service
"""

from api.telemetry.telemetry import TelemetryUnavailable, open_exporters, telemetry

__all__ = ["TelemetryUnavailable", "open_exporters", "telemetry"]
