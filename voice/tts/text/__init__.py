"""Written text to text that a voice can say, with the way back to the written words."""
