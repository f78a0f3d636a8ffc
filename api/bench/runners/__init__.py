"""Scripts that `glow bench peers` runs in the peers' environments, where the rest of this project is not installed."""
