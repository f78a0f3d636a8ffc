"""The settings of what an operator sees: metrics, traces and logs."""

from typing import Literal

from pydantic import Field, field_validator

from api.settings.serving import ServingSettings, http_url


class TelemetrySettings(ServingSettings):
    """The telemetry's settings; `Settings` has all."""

    metrics_port: int = Field(
        default=0,
        ge=0,
        le=65535,
        description="TCP port of Prometheus metrics at /metrics; 0 serves none. Needs the extra `telemetry`.",
    )
    metrics_host: str = Field(
        default="127.0.0.1", description="Address to serve the metrics on; they tell how many calls there are."
    )
    traces_url: str = Field(
        default="",
        description="URL of an OpenTelemetry collector that takes traces over HTTP, such as "
        "http://localhost:4318/v1/traces; none by default. Needs the extra `telemetry`.",
    )
    log_format: Literal["line", "json"] = Field(
        default="line", description="Format of the log: line, or json with the ids of the call and its turn."
    )

    @field_validator("traces_url")
    @classmethod
    def _traces_go_by_http(cls, value: str) -> str:
        return http_url(value)
