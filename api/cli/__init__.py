"""The `glow` command line, one module per group of commands."""
