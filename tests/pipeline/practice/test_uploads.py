"""Recordings of one's own: what is taken, and under which name and kind it is kept."""

import pytest

from models.errors import Invalid, NotFound, TooLarge
from pipeline.practice.messages import NewMessage
from pipeline.practice.uploads import UPLOAD_LIMIT
from tests.pipeline.practice.conftest import Run
from tests.pipeline.practice.place import Place


@pytest.mark.parametrize(
    ("file_name", "mime_type", "data", "kept"),
    [
        ("said.wav", "audio/wav", b"x", ("said.wav", "audio/wav")),
        ("../../etc/said me.ogg", "text/html", b"OggS" + bytes(60), ("said me.ogg", "audio/ogg")),
        ("C:\\sounds\\a<b>.flac", "", b"fLaC" + bytes(60), ("a_b_.flac", "audio/flac")),
        ("", "audio/x-strange; codecs=1", b"?", ("recording", "application/octet-stream")),
        ("n" * 300, "video/webm", b"?", ("n" * 120, "video/webm")),
    ],
)
def test_names_and_kinds(
    run: Run, place: Place, file_name: str, mime_type: str, data: bytes, kept: tuple[str, str]
) -> None:
    audio = run(place.practice.uploads.keep(place.ada.id, data, file_name, mime_type))
    assert (audio.file_name, audio.mime_type) == kept
    assert run(place.store.audio(place.ada.id, audio.id)) == audio


def test_too_little_and_too_much(run: Run, place: Place) -> None:
    with pytest.raises(Invalid, match="The file is empty"):
        run(place.practice.uploads.keep(place.ada.id, b"", "x", "audio/wav"))
    with pytest.raises(TooLarge):
        run(place.practice.uploads.keep(place.ada.id, bytes(UPLOAD_LIMIT + 1), "x", "audio/wav"))


def test_a_recording_is_attached_or_goes_with_what_was_typed(run: Run, place: Place) -> None:
    async def story() -> None:
        chat, messages, ada = (await place.start()).chats[0], place.practice.messages, place.ada.id
        audio = await place.practice.uploads.keep(ada, b"x", "said.wav", "audio/wav")
        with pytest.raises(NotFound, match="Message not found"):
            await messages.attach(ada, chat.id, audio.id)
        first, second = await place.say(chat.id, "One.", "Two.")
        assert (await messages.attach(ada, chat.id, audio.id)).id == second, "the chat's last"
        assert (await messages.attach(ada, chat.id, audio.id, first)).audio_ref == audio.id
        with pytest.raises(Invalid, match="audios_id is required"):
            await messages.attach(ada, chat.id, "")
        with pytest.raises(NotFound):
            await messages.attach(place.bob.id, chat.id, audio.id)
        sent = await messages.send(ada, NewMessage(chat.id, "Typed.", audio_id=audio.id, generate=False))
        last = (await place.store.messages(chat.id))[-1]
        assert (last.id, last.text, last.audio_ref) == (sent.message_id, "Typed.", audio.id)

    run(story())
