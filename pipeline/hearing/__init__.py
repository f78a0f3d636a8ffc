"""The learner's audio on its way to text: frames, utterances, partials, transcripts."""
