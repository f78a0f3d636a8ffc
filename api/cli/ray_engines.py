"""`glow ray`: the engines on a Ray cluster."""

from functools import partial
from typing import Annotated

import typer

from api.cli.terminal import FAILED, console, load_settings

app = typer.Typer(
    no_args_is_help=True, help="Run engines on Ray Serve, for gateways with GLOW_STT=ray or GLOW_TTS=ray."
)


@app.callback()
def on_ray() -> None:
    """Run engines on Ray Serve, for gateways with GLOW_STT=ray or GLOW_TTS=ray."""


@app.command(name="deploy")
def deploy(
    address: Annotated[str | None, typer.Option(help="Address of the cluster; GLOW_RAY_ADDRESS by default.")] = None,
    stt: Annotated[str, typer.Option(help="Recogniser, or none; `glow models` lists them.")] = "auto",
    tts: Annotated[str, typer.Option(help="Synthesizer, or none; `glow models` lists them.")] = "auto",
    recognisers: Annotated[int, typer.Option(min=1, help="Replicas for transcripts.")] = 1,
    sketchers: Annotated[int, typer.Option(min=1, help="Replicas for partials.")] = 1,
    synthesizers: Annotated[int, typer.Option(min=1, help="Replicas that synthesize.")] = 1,
    cpus: Annotated[float, typer.Option(min=0, help="Cores of each replica.")] = 1.0,
    gpus: Annotated[float, typer.Option(min=0, help="GPUs of each replica; .25 lets four share one.")] = 0.0,
) -> None:
    """Deploy recogniser and synthesizer, or change what is deployed; they stay until `serve shutdown`."""
    from voice.errors import EngineUnavailable
    from voice.ray_serve.deployments import RayPlan
    from voice.ray_serve.deployments import deploy as run
    from voice.stt.choose import choose_transcriber
    from voice.tts.catalog import choose_synthesizer

    settings = load_settings()
    language = None if settings.stt_language == "auto" else settings.stt_language
    hear = partial(
        choose_transcriber, stt, models_dir=settings.models_dir, language=language, device=settings.stt_device,
        compute_type=settings.whisper_compute_type, window=settings.whisper_window,
    )  # fmt: skip
    speak = partial(choose_synthesizer, tts, models_dir=settings.models_dir)
    plan = RayPlan(
        None if stt == "none" else hear, None if tts == "none" else speak, recognisers, sketchers, synthesizers,
        cpus, gpus,
    )  # fmt: skip
    try:
        run(plan, address=address or settings.ray_address, app=settings.ray_app)
    except EngineUnavailable as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(FAILED) from None
    console().print(f"The engines are ready on Ray, as the application {settings.ray_app}.")
