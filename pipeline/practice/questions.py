"""The questions of a chat, and whether an answer is right."""

from collections.abc import Collection

from models.errors import Invalid, NotFound
from models.records.outcomes import Response
from models.store import Store
from pipeline.chats.events import ChatChannel
from pipeline.chats.hub import Hub


class Questions:
    """Takes answers to questions.

    Args:
        store: keeps questions and answers.
        hub: takes the events.
    """

    def __init__(self, store: Store, hub: Hub) -> None:
        self._store = store
        self._hub = hub

    async def respond(self, user_id: str, chat_id: str, question_id: str, option_ids: Collection[str]) -> Response:
        """Answer a question of the chat: right when exactly the correct options are chosen.

        Raises:
            Invalid: no such chat of this user's, or no such choice in it.
        """
        try:
            chat = await self._store.chat(user_id, chat_id)
        except NotFound:
            raise Invalid("Attempt chat not found") from None
        scenario = (await self._store.context(chat.id)).scenario
        asked = chat.configuration.get("question_ids", scenario.resources.get("question", ()) if scenario else ())
        wanted = set(option_ids)
        options = await self._store.options_of([question_id]) if question_id in asked else []
        questions = await self._store.resources([question_id]) if options else []
        single = not questions or not questions[0].data.get("allow_multiple")
        if not wanted or not wanted <= {option.id for option in options} or (single and len(wanted) > 1):
            raise Invalid("Invalid question or option selection")
        correct = {option.id for option in options if option.data.get("is_correct")}
        response = await self._store.add_response(chat.id, question_id, sorted(wanted), wanted == correct)
        result = {"success": True, "message": verdict(response), "is_correct": response.is_correct}
        channel = ChatChannel(self._hub, chat.id, user_id)
        channel.publish("attempt_response_result", result | {"response_id": response.id})
        return response


def verdict(response: Response) -> str:
    """Return the sentence on an answer."""
    return "Correct." if response.is_correct else "Not quite: look at the question again."
