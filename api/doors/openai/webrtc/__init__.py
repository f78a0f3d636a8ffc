"""OpenAI's Realtime interface over WebRTC: events on a data channel, audio on tracks of media.

routes           `POST /v1/realtime/calls`: an offer in, an answer out; hanging up
calls            the open calls, each with its task, and which of them another connection may listen to
peer             one connection of aiortc's as the wire of a line
ports            where its sockets are, and the addresses that its answer names
media_dialect    the Realtime dialect without audio in its events
sound_buffer     the events that tell what is heard of the persona

aiortc comes with the extra `webrtc`; only `peer` and `ports` import it, when the first offer comes.
"""
