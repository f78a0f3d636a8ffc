"""The choice of the responder."""

from typing import TYPE_CHECKING, Literal

from pipeline.llm.deadlines import Deadlines
from pipeline.llm.prompt import PromptBudget
from pipeline.llm.scripted import DocumentReader, ScriptedResponder
from pipeline.llm.tool_loop import LONG_S
from pipeline.llm.usage import TokenMeter
from pipeline.search.meaning import Meanings

if TYPE_CHECKING:
    from pipeline.llm.openai import OpenAIResponder

Preference = Literal["auto", "scripted", "openai"]

DEFAULT_MODEL = "gpt-4o-mini"


def choose_responder(
    preference: Preference = "auto",
    *,
    base_url: str | None = None,
    api_key: str | None = None,
    model: str | None = None,
    deadlines: Deadlines | None = None,
    max_tokens: int = 300,
    temperature: float = 0.7,
    budget: PromptBudget | None = None,
    thinks: bool = False,
    tools_long_s: float = LONG_S,
    meanings: Meanings | None = None,
    reader: DocumentReader | None = None,
    tokens: TokenMeter | None = None,
) -> "OpenAIResponder | ScriptedResponder":
    """Create the responder of a setting; "auto" takes the language model if one is configured, else the script.

    Args:
        tools_long_s: seconds after which tools take long, and a call has a word about it; 0 for never.
        thinks: every answer begins with a thought, which ends with a tag: nothing is said before that.
        meanings: the script compares what is said with the examples of its cues by it, by words alone without it.
        reader: the script answers questions from the scenario's documents by it.
        tokens: takes what the model's server reports of its tokens.

    Raises:
        ValueError: a language model was requested and none is configured, or the base URL is invalid.
    """
    configured = bool(base_url or api_key)
    if preference == "scripted" or (preference == "auto" and not configured):
        return ScriptedResponder(meanings, reader)
    if not configured:
        raise ValueError(
            "No language model is configured; set OPENAI_API_KEY or OPENAI_BASE_URL, or choose 'scripted'."
        )
    if base_url and not base_url.startswith(("http://", "https://")):
        raise ValueError("OPENAI_BASE_URL is not an address; write it like http://localhost:11434/v1.")
    from pipeline.llm.openai import OpenAIResponder  # takes half a second to import, and most runs do not need it

    return OpenAIResponder(
        model=model or DEFAULT_MODEL,
        base_url=base_url or None,
        api_key=api_key or None,
        deadlines=deadlines,
        max_tokens=max_tokens,
        temperature=temperature,
        budget=budget,
        thinks=thinks,
        tools_long_s=tools_long_s,
        tokens=tokens,
    )
