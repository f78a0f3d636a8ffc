"""eSpeak NG: embedded voices in a hundred languages."""
