"""Workers for blocking engine work: bounded, fair between calls, cancellable."""
