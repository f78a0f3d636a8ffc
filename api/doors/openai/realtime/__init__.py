"""OpenAI's Realtime interface.

socket      the websocket: who connects, whom they talk to
dialect     client events to commands, a call's events to server events
session     the configuration: merged, echoed, and as settings of the call
hearing     the client's turns as items, with their transcripts
answers, responses, aside    the persona's responses, and those beside the conversation
editing, items    what the client creates, deletes and truncates
beta        the older dialect, in other names
"""
