"""The persona as a conversation agent: a sentence in, its answer out as it is written."""

from api.doors.wyoming.frames import Frame
from api.doors.wyoming.offer import PortOffer
from api.doors.wyoming.peer import Peer
from api.service import Service
from models.errors import Conflict, ModelError, NotFound
from models.records.core import User
from pipeline.chats.chats import Sent
from pipeline.chats.hub import Subscription, chat_channel
from pipeline.errors import PipelineError
from pipeline.practice.messages import NewMessage, answer_of
from voice.errors import VoiceError

NOTHING_SAID = "I did not hear anything. Could you say that again?"
FAILED = "I am sorry, something went wrong on my side. Could you say that again?"

CONVERSATION_ID_LIMIT = 200


class Agent:
    """Answers sentences of one port.

    Args:
        service: has the chats.
        offer: who answers.
        user: whose chats they are.
    """

    def __init__(self, service: Service, offer: PortOffer, user: User) -> None:
        self._service, self._offer, self._user = service, offer, user

    async def answer(self, frame: Frame, peer: Peer, conversation: str) -> None:
        """Answer a `transcript`; whatever fails is a sentence for the person who asked.

        Args:
            conversation: the conversation, if the frame names none.

        Raises:
            ProtocolError: the frame is invalid.
            ConnectionError: the client has gone.
        """
        text = frame.text().strip()
        context = frame.mapping("context")
        name = context.get("conversation_id")
        conversation = name[:CONVERSATION_ID_LIMIT] if isinstance(name, str) and name else conversation
        about = {"context": {**context, "conversation_id": conversation}}
        if not text:
            await peer.send(Frame("not-handled", {"text": NOTHING_SAID, **about}))
            return
        await peer.send(Frame("handled-start", about))
        try:
            said = await self._said(conversation, text, peer)
        except (PipelineError, VoiceError, ModelError) as error:
            await peer.send(Frame("not-handled", {"text": str(error) or FAILED, **about}))
            return
        if said is None:
            await peer.send(Frame("not-handled", {"text": FAILED, **about}))
            return
        await peer.send(Frame("handled", {"text": said, **about}), Frame("handled-stop"))

    async def _said(self, conversation: str, text: str, peer: Peer) -> str | None:
        """Return the persona's answer; in a new chat where the conversation's has ended, or was removed."""
        chat_id = await self._chat(conversation)
        try:
            return await self._exchange(chat_id, text, peer)
        except (Conflict, NotFound):
            return await self._exchange(await self._chat(f"{conversation} {chat_id}"), text, peer)

    async def _exchange(self, chat_id: str, text: str, peer: Peer) -> str | None:
        service = self._service
        with service.hub.subscribe([chat_channel(chat_id)]) as events:
            message = NewMessage(chat_id, text, persona_id=self._offer.persona.id)
            sent = await service.practice.messages.send(self._user.id, message)
            if sent.reply is not None:
                sent.reply.add_done_callback(lambda _: events.close())
            return await self._streamed(sent, events, peer)

    @staticmethod
    async def _streamed(sent: Sent, events: Subscription, peer: Peer) -> str | None:
        """Send the answer as it grows, then return it; text that is taken back stays unsaid in the whole answer."""
        known = ""
        async for event in events:
            if event.name != "attempt_assistant_delta" or event.run_id != sent.run_id:
                continue
            written = str(event.payload["content"])
            if written.startswith(known) and len(written) > len(known):
                await peer.send(Frame("handled-chunk", {"text": written[len(known) :]}))
                known = written
        answer = await answer_of(sent)
        if answer is None:
            return None
        if answer.text.startswith(known) and len(answer.text) > len(known):
            await peer.send(Frame("handled-chunk", {"text": answer.text[len(known) :]}))
        return answer.text

    async def _chat(self, conversation: str) -> str:
        """Return the chat of a conversation, which lasts over restarts; a new id begins a new attempt."""
        practice_id = self._offer.practice.id

        async def begin() -> str:
            attempt = await self._service.practice.attempts.start(self._user.id, practice_id=practice_id)
            return attempt.chats[0].id

        key = f"wyoming {practice_id} {conversation}"
        return await self._service.practice.keys.once(self._user.id, key, "wyoming.chat", practice_id, begin)
