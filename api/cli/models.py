"""`glow models`: the engines, models and voices, which of them are installed, and how to download more."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli.commands import AsJson, show_list

if TYPE_CHECKING:
    from voice.weights.files import Progress

app = typer.Typer(help="List the engines, models and voices, and download more.")

SMART_TURN, MINILM = "smart-turn", "minilm"
_HOW_TO_CHOOSE = (
    "`auto` takes the first installed one of each stage; GLOW_STT, GLOW_TTS and GLOW_LLM choose another by name.",
    "Download one with `glow models pull NAME`, also any other Piper voice by its name; without a network, add --from "
    "with a folder or the URL of a mirror.",
)
_INSIDE = frozenset({"pocketsphinx", "whisper:nano", "espeak", "piper:nano", "scripted"})


@dataclass(frozen=True, slots=True)
class ModelRow:
    """A row of the list: an engine, model or voice."""

    stage: str
    name: str
    is_here: bool
    about: str
    size_mb: int | None = None


@app.callback(invoke_without_command=True)
def models(context: typer.Context, as_json: AsJson = False) -> None:
    """List the engines, models and voices, and download more."""
    if context.invoked_subcommand is None:
        list_(as_json=as_json)


@app.command(name="list")
def list_(as_json: AsJson = False) -> None:
    """List the engines, models and voices, and which are installed."""
    from api.settings import Settings

    settings = Settings()
    listed = rows(settings.models_dir, has_llm=bool(settings.openai_api_key or settings.openai_base_url))
    show_list("models", [asdict(row) for row in listed], as_json=as_json, lines=_by_stage(listed))


def _by_stage(listed: Iterable[ModelRow]) -> Iterator[str]:
    """Write the list stage by stage, and then how to use and to download one."""
    stage = ""
    for row in listed:
        if row.stage != stage:
            yield (stage := row.stage)
        size = f"{row.size_mb} MB" if row.size_mb else ""
        yield f"  {'here' if row.is_here else '':4}  {row.name:40}  {size:>7}  {row.about}"
    yield from ("", *_HOW_TO_CHOOSE)


@app.command()
def pull(
    name: Annotated[str, typer.Argument(help="Name from `glow models`, such as base.")],
    place: Annotated[
        str | None,
        typer.Option("--from", help="The only source: a folder, or the URL of a mirror.", show_default=False),
    ] = None,
) -> None:
    """Download a model or a voice from its hub, or else from the package index, and verify its hash."""
    from api.cli.progress import byte_bar
    from api.settings import Settings
    from voice.errors import EngineUnavailable

    models_dir = Settings().models_dir
    if (reason := _not_pulled(name)) is not None:
        typer.echo(reason, err=True)
        raise typer.Exit(1)
    try:
        with byte_bar(name) as progress:
            where = _fetch(name, models_dir, progress, place)
    except (EngineUnavailable, OSError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None
    use = "with auto, `glow serve` uses it if it is the best one."
    if name == SMART_TURN:
        use = f"set GLOW_END_OF_TURN_MODEL={name} to use it."
    elif name == MINILM:
        use = "with GLOW_EMBEDDINGS=auto, `glow serve` uses it."
    typer.echo(f"{name} is installed in {where}; {use}")


def _fetch(name: str, models_dir: Path, progress: "Progress", place: str | None) -> Path:
    from pipeline.search.catalog import pull_minilm
    from voice.speech.catalog import pull_smart_turn
    from voice.stt.catalog import pull_whisper
    from voice.tts.catalog import pull_piper

    if name == SMART_TURN:
        return pull_smart_turn(models_dir, progress, place=place)
    if name == MINILM:
        return pull_minilm(models_dir, progress, place=place)
    if name.startswith("piper:") or (not name.startswith("whisper:") and "_" in name):
        return pull_piper(name.removeprefix("piper:"), models_dir, progress, place=place)
    return pull_whisper(name, models_dir, progress, place=place)


def _not_pulled(name: str) -> str | None:
    """Return why this name of `glow models` cannot be downloaded; None if it can."""
    if name in _INSIDE:
        return f"{name} comes with the service; there is nothing to pull."
    if name == "openai":
        return "openai is a server, not a model: set OPENAI_API_KEY, or OPENAI_BASE_URL for one of your own."
    return None


def rows(models_dir: Path, *, has_llm: bool) -> list[ModelRow]:
    """List all engines, models and voices, stage by stage."""
    from pipeline.search.catalog import has_minilm
    from voice.speech.catalog import smart_turn_file
    from voice.stt.catalog import stt_models
    from voice.tts.catalog import KNOWN_PIPER, limits_of, packaged_voices, piper_voices

    listed = [
        ModelRow("speech to text", model.name, model.is_here, model.description, model.size_mb)
        for model in stt_models(models_dir)
    ]
    listed.append(ModelRow("speech to text", "whisper:nano", True, "a test model; only by name", 3))
    listed.append(ModelRow("speech to text", "openai", has_llm, "any server with /v1/audio/transcriptions"))
    here = [path.stem for path in piper_voices(models_dir)]
    here += [weights.name.removeprefix("piper:") for weights in packaged_voices(models_dir)]
    listed.extend(
        ModelRow("text to speech", f"piper:{name}", name in here, "a neural voice")
        for name in dict.fromkeys([*here, *KNOWN_PIPER])
    )
    about = f"eSpeak NG, comes with the service: {limits_of('espeak')}"
    listed.append(ModelRow("text to speech", "espeak", True, about))
    listed.append(ModelRow("text to speech", "piper:nano", True, "a test voice, a robot; only by name", 2))
    listed.append(ModelRow("text to speech", "openai", has_llm, "any server with /v1/audio/speech"))
    listed.append(ModelRow("reply", "openai", has_llm, "any server with /v1/chat/completions"))
    listed.append(ModelRow("reply", "scripted", True, "the persona's own script, in its content pack"))
    about = "predicts the end of a turn; GLOW_END_OF_TURN_MODEL=smart-turn"
    listed.append(ModelRow("end of turn", SMART_TURN, smart_turn_file(models_dir).is_file(), about, 9))
    about = "finds documents by meaning and judges what answers, English; MiniLM in eight bits"
    listed.append(ModelRow("embeddings", "packaged", True, about))
    about = "MiniLM as it was published; used where it is installed"
    listed.append(ModelRow("embeddings", MINILM, has_minilm(models_dir), about, 91))
    listed.append(ModelRow("embeddings", "openai", has_llm, "any server with /v1/embeddings; GLOW_EMBEDDINGS=openai"))
    return listed
