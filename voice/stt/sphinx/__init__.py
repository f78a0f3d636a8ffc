"""PocketSphinx, the embedded English recogniser that decodes while the audio arrives."""
