"""Who grades and gives hints, by the settings: the configured language model, or the stated rule."""

from api.settings import Settings
from pipeline.coach.coach import Coach
from pipeline.coach.rules import RuleCoach

COACH_S = 60.0
"""A grading may take longer than a spoken reply: nobody waits for it on the line."""


def open_coach(settings: Settings) -> Coach:
    """The coach: a language model exactly where one answers the chats, too."""
    key = settings.openai_api_key.get_secret_value() if settings.openai_api_key else ""
    configured = bool(settings.openai_base_url or key)
    if settings.llm == "scripted" or not configured:
        return RuleCoach()
    from pipeline.coach.llm import LanguageModelCoach  # half a second to import, and most runs need it not

    return LanguageModelCoach(
        model=settings.llm_model,
        base_url=settings.openai_base_url or None,
        api_key=key or None,
        total_s=max(COACH_S, settings.llm_timeout_s),
    )
