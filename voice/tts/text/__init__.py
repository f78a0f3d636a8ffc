"""Text normalisation: written text into speakable text, mapped back to the written words."""
