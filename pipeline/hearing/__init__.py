"""The learner's frames on their way to text: utterances, partials, transcripts."""
