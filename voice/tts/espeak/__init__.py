"""eSpeak NG: the embedded voices of a hundred languages."""
