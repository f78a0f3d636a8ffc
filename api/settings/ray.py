"""The settings of the engines on Ray Serve."""

from pydantic import Field

from api.settings.serving import ServingSettings


class RaySettings(ServingSettings):
    """The settings of the engines on Ray Serve (stt=ray, tts=ray); `Settings` has all."""

    ray_address: str = Field(
        default="auto",
        description="Address of the Ray cluster with the engines (stt=ray, tts=ray), such as 10.0.0.1:6380; auto finds "
        "one on this machine. Needs the extra `ray`.",
    )
    ray_app: str = Field(default="glow", description="Name of the Ray Serve application that `glow ray deploy` made.")
    ray_request_s: float = Field(
        default=3.0,
        gt=0,
        le=60,
        description="Timeout in seconds of a transcript on Ray, and a quarter of its audio's length in addition.",
    )
    ray_fallback_s: float = Field(
        default=10.0,
        ge=0,
        le=3600,
        description="Seconds of failures after which Ray is not even asked until it is well. What fails before is done "
        "by a local engine as well, the one that auto would choose.",
    )
