"""The version after this one: its migrations, one that expands the schema, and one that contracts it."""

import shutil
from pathlib import Path

import models
from models import migrations

KNOWN = migrations.newest()
NEXT, AFTER = (f"{int(KNOWN) + more:04}" for more in (1, 2))

EXPANDS = f'''
import sqlalchemy as sa
from alembic import op

revision, down_revision, branch_labels, depends_on = "{NEXT}", "{KNOWN}", None, None


def upgrade():
    op.add_column("messages", sa.Column("mood", sa.Text(), nullable=True))
    op.add_column("users", sa.Column("points", sa.Integer(), nullable=False, server_default="7"))
    op.create_table("moods", sa.Column("id", sa.Text(), primary_key=True))
'''

CONTRACTS = f'''
from alembic import op

revision, down_revision, branch_labels, depends_on = "{AFTER}", "{NEXT}", None, None
needs = "{NEXT}"


def upgrade():
    op.drop_column("personas", "waiting")
'''


def newer_migrations(folder: Path) -> Path:
    """The migrations of a version that is newer than this one: one that expands, and one that contracts."""
    made = folder / "newer" / "migrations"
    shutil.copytree(migrations.__path__[0], made, ignore=shutil.ignore_patterns("__pycache__"))
    (made / "versions" / f"v{NEXT}_moods.py").write_text(EXPANDS)
    (made / "versions" / f"v{AFTER}_no_waiting.py").write_text(CONTRACTS)
    return made


def newer_code(folder: Path) -> Path:
    """The packages of the next version, which has expanded the schema; run them with this folder as `PYTHONPATH`."""
    here, made = Path(models.__path__[0]).parent, folder / "next version"
    made.mkdir()
    for name in ("api", "pipeline", "voice"):
        (made / name).symlink_to(here / name)
    shutil.copytree(here / "models", made / "models", ignore=shutil.ignore_patterns("__pycache__"))
    (made / "models" / "migrations" / "versions" / f"v{NEXT}_moods.py").write_text(EXPANDS)
    return made
