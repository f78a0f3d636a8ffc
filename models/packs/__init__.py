"""Content packs: personas, scenarios, simulations, practices and documents, written in YAML."""

from pathlib import Path

from models.packs.loader import Pack, load_pack, load_pack_text, pack_id

DEMO_PACK = Path(__file__).parent / "demo"
"""The pack that ships with the service."""

__all__ = ["DEMO_PACK", "Pack", "load_pack", "load_pack_text", "pack_id"]
