"""The recogniser's replicas on a Ray cluster, as far as they run on this machine, and what they take of it."""

from pathlib import Path

from api.client.call import ClientError
from api.client.own_service import cpu_s_of
from api.settings import Settings


def recognisers_on_ray(app: str) -> list[int]:
    """List the processes of this machine that are replicas of an application's recogniser, for partials, too.

    Ray gives each replica's process the title `ray::ServeReplica:APPLICATION:DEPLOYMENT`, and adds what it works at.

    Raises:
        ClientError: there are none.
    """
    title = f"ray::ServeReplica:{app}:stt".encode()
    found = [int(process.name) for process in Path("/proc").glob("[0-9]*") if _title(process).startswith(title)]
    if not found:
        raise ClientError(
            f"No recogniser of the application {app} runs on Ray on this machine: start Ray here, and deploy one with "
            "`glow ray deploy`."
        )
    return found


def replicas_cpu_s(replicas: list[int]) -> float:
    """Return the CPU seconds of these replicas.

    Raises:
        ClientError: one of them has ended.
    """
    try:
        return sum(map(cpu_s_of, replicas))
    except OSError:
        raise ClientError(
            "A replica ended during the measurement: look at `serve status`, and measure again."
        ) from None


def ray_settings() -> dict[str, str]:
    """Return what a gateway has to know to reach this command's cluster."""
    settings = Settings()
    return {"GLOW_RAY_ADDRESS": settings.ray_address, "GLOW_RAY_APP": settings.ray_app}


def _title(process: Path) -> bytes:
    try:
        return (process / "cmdline").read_bytes()
    except OSError:
        return b""
