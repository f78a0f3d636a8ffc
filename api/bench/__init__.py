"""The benchmarks behind `glow bench`; part of the source checkout, not of the wheel."""
