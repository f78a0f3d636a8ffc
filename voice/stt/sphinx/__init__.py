"""PocketSphinx, the embedded English recogniser, which decodes while the audio is streamed."""
