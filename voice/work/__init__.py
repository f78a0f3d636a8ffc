"""Worker pools for blocking engine jobs: bounded, fair between calls, cancellable."""
