"""What a `model` names: a persona, a practice, or a chat that goes on.

persona:bob, bob     a new attempt at the first practice with this persona, by its id or its name
practice:ID          a new attempt at this practice, by its id or its name
chat:ID              a chat of the user's own
anything else        a new attempt with the first persona that the user may talk to
"""

from dataclasses import dataclass

from api.doors.line import Chat, FreshAttempt, StandingChat
from api.service import Service
from models.errors import NotFound
from models.records.core import Grant, Persona
from pipeline.practice.offers import Offer

NAMED = ("persona:", "practice:", "chat:")


@dataclass(frozen=True, slots=True)
class Target:
    """Who is talked to, and where.

    Attributes:
        name: the `model` by which a client finds it again.
        chat: where the conversation is, or is begun.
        scenario_id: the scenario of a new attempt; empty for a chat.
    """

    name: str
    chat: Chat
    persona: Persona
    scenario_id: str = ""


class UnknownModel(NotFound):
    """The `model` names nothing that this user may talk to."""

    code = "model_not_found"


async def target_of(service: Service, grant: Grant, name: str | None) -> Target:
    """Find what a `model` names.

    Raises:
        UnknownModel: a persona, a practice or a chat that is not there, or not this user's.
    """
    name = (name or "").strip()
    kind, _, wanted = name.partition(":") if name.startswith(NAMED) else ("", "", name)
    if kind == "chat":
        return await _chat(service, grant, wanted)
    offers = await service.practice.offers.to(
        grant.user.id, practice_ids=grant.practice_ids, persona_id=grant.persona_id
    )
    offers = sorted(offers, key=lambda offer: len(offer.chats))  # one with a single chat before a series of them
    if kind == "practice":
        offers = [offer for offer in offers if wanted in (offer.practice.id, offer.practice.name)]
    places = [
        (offer, chat, persona)
        for offer in offers
        for chat in offer.chats
        for persona in chat.personas
        if grant.persona_id in (None, persona.id)
    ]
    named = [place for place in places if _is_called(place[2], wanted)] if kind != "practice" else places
    found = named or ([] if kind else places)
    if not found:
        raise UnknownModel(f"There is no model {name[:80]!r} for this user: GET /v1/models lists those that there are.")
    offer, chat, persona = found[0]
    attempt = FreshAttempt(offer.practice.id, position=chat.position)
    return Target(f"persona:{persona.id}", attempt, persona, chat.scenario.id)


async def personas_of(service: Service, grant: Grant) -> list[Persona]:
    """List the personas that a user may talk to, each once."""
    offers: list[Offer] = await service.practice.offers.to(
        grant.user.id, practice_ids=grant.practice_ids, persona_id=grant.persona_id
    )
    found = {persona.id: persona for offer in offers for chat in offer.chats for persona in chat.personas}
    return [persona for persona in found.values() if grant.persona_id in (None, persona.id)]


async def _chat(service: Service, grant: Grant, chat_id: str) -> Target:
    try:
        await service.store.chat(grant.user.id, chat_id)
    except NotFound:  # never reveals whether somebody else's chat exists
        raise UnknownModel("There is no such chat of this user's: check its id.") from None
    personas = (await service.store.context(chat_id)).personas
    chosen = [persona for persona in personas if grant.persona_id in (None, persona.id)]
    if not chosen:
        raise UnknownModel("This chat has no persona that this key may talk to.")
    return Target(f"chat:{chat_id}", StandingChat(chat_id), chosen[0])


def _is_called(persona: Persona, name: str) -> bool:
    return name == persona.id or name.casefold() == persona.name.casefold()
