"""How a call on a number goes: its silences, its longest duration, what keys mean; or how a message is taken."""

from dataclasses import replace
from typing import Literal

from api.doors.telephone.sentences import TEXTS, RecordedSentence
from models.records.telephone import PhoneNumber
from pipeline.call.keypad import KeyRules
from pipeline.call.session import SessionSettings
from pipeline.call.settings import CallRecording, Prompt, SilencePlan, TimeLimit

Answer = Literal["open", "closed", "busy"]
"""How a call is answered: by a persona; outside the hours; as all lines are busy."""

HUMAN = "human"
"""The target by which personas and keys ask for the number's human."""

STILL_THERE = ("Are you still there?", "Hello? Are you still there?")
NOBODY = "I cannot hear you, so I will hang up now. Goodbye."
LEAVE_A_MESSAGE = "Please leave a message now, and hang up when you are done."
MESSAGE_TAKEN = "Thank you, your message is kept. Goodbye."

MESSAGE_S = 180.0
"""The longest message."""

MESSAGE_SILENCE_S = 6.0


def settings_of(entry: PhoneNumber, answer: Answer, made: SessionSettings) -> SessionSettings:
    """Derive the settings of a call on a number from the operator's."""
    if answer != "open":
        return _taking_a_message(entry, answer, made)
    *before_prompts, goodbye_s = entry.silence_s or (0.0,)
    prompts = [
        Prompt(after_s, STILL_THERE[min(number, len(STILL_THERE) - 1)]) for number, after_s in enumerate(before_prompts)
    ]
    return replace(
        made,
        silence=SilencePlan(tuple(prompts), Prompt(goodbye_s, NOBODY) if entry.silence_s else None),
        time_limit=TimeLimit(entry.max_s, entry.warning_s) if entry.max_s else None,
        greeting=entry.greeting,
        recording=CallRecording(entry.announce) if entry.record else None,
        transfers=(HUMAN, entry.human) if entry.human else (),
        keys=KeyRules(),
        duck_clears=True,
        language=entry.language,
    )


def _taking_a_message(entry: PhoneNumber, answer: Answer, made: SessionSettings) -> SessionSettings:
    text = TEXTS[RecordedSentence.BUSY] if answer == "busy" else entry.closed or TEXTS[RecordedSentence.CLOSED]
    text = text.removesuffix("Goodbye.").strip()
    return replace(
        made,
        rules=replace(made.rules, on_request=True),
        silence=SilencePlan((), Prompt(MESSAGE_SILENCE_S, MESSAGE_TAKEN)),
        time_limit=TimeLimit(MESSAGE_S, 0, goodbye=MESSAGE_TAKEN),
        greeting=f"{text} {LEAVE_A_MESSAGE}",
        hangs_up=False,
        transfers=(),
        duck_clears=True,
        language=entry.language,
    )
