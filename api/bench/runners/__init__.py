"""What `glow bench peers` runs inside the other frameworks' own environments; nothing else of this project is there."""
