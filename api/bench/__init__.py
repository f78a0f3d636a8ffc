"""The benchmarks of `glow bench`; part of the source tree, not of the wheel."""
