"""A live view of a call on a terminal: what is said, where a reply was cut, and the latency of each answer."""

from rich.console import Console
from rich.text import Text

from api.cli.welcome import limits_of
from api.client.call import Event

_NAME_WIDTH = 8


class ConversationView:
    """Prints the events of a call; pass it to `open_call` as `on_event`.

    The persona's words appear when their audio arrives, at most 300 ms ahead of playback.
    """

    def __init__(self, console: Console, persona: str = "Persona") -> None:
        self._console = console
        self._persona = persona.split()[0]
        self._open_line = False
        self._after_space = True
        self._opened = False
        self._latency: dict[int, Event] = {}

    def __call__(self, event: Event) -> None:
        """Print an event, if it is one that is shown."""
        match event.type:
            case "chat_voice":
                self._ready(event)
            case "user.message":
                self._name("You", "bold cyan")
                self._words(event["text"])
                self._end_line()
            case "reply.started":
                self._name(self._persona, "bold magenta")
            case "reply.audio":
                self._words(event["text"])
            case "reply.cleared":
                self._words("—" if self._after_space else " —", "bold red")
            case "turn.latency":
                self._latency[event["turn"]] = event
            case "reply.ended":
                self._end_line()
                self._reply_ended(event)
            case "error":
                self._end_line()
                self._console.print(Text(f"{'':{_NAME_WIDTH}}{event['code']}: {event['message']}", "red"))

    def _ready(self, event: Event) -> None:
        if self._opened:
            self._end_line()
            self._console.print(Text(f"{'':{_NAME_WIDTH}}the line is back, the call goes on", "yellow"))
        else:
            self._opened = True
            engines = event["engines"]
            line = f"hears with {engines['stt']}, answers with {engines['llm']}, speaks with {engines['tts']}"
            self._console.print(Text(line, "dim"))
            for stage, name in engines.items():
                if limits := limits_of(stage, name):
                    self._console.print(Text(f"{name}: {limits}", "dim"))
            self._console.print()

    def _reply_ended(self, event: Event) -> None:
        if event["interrupted"]:
            unheard = event["text"].removeprefix(event["heard"]).strip()
            note = Text(f"{'':{_NAME_WIDTH}}cut here", "red")
            if unheard:
                note.append(f"; not heard: {unheard}", "dim strike")
            self._console.print(note)
        latency = self._latency.pop(event["turn"], None)
        if latency is not None:
            self._console.print(Text(f"{'':{_NAME_WIDTH}}{waterfall(latency)}", "dim"))
        self._console.print()

    def _name(self, name: str, style: str) -> None:
        self._end_line()
        self._console.print(Text(f"{name:{_NAME_WIDTH}}", style), end="", soft_wrap=True)
        self._open_line = True

    def _words(self, words: str, style: str = "") -> None:
        self._after_space = words.endswith(" ") if words else self._after_space
        self._console.print(Text(words, style), end="", soft_wrap=True)

    def _end_line(self) -> None:
        if self._open_line:
            self._console.print()
            self._open_line = False


def waterfall(latency: Event) -> str:
    """Format the latency of a turn as text."""
    stages = ((name, latency[f"{name}_ms"]) for name in ("endpoint", "stt", "llm", "tts"))
    parts = ", ".join(f"{name} {ms:.0f}" for name, ms in stages)
    return f"answered {latency['voice_to_voice_ms']:.0f} ms after the last word ({parts})"
