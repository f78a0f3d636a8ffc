"""Database migrations: `upgrade` migrates a database of any earlier version to the current schema."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection


def upgrade(connection: Connection) -> None:
    """Run the pending migrations, in the connection's own transaction.

    Raises:
        alembic.util.CommandError: the database was created by a newer version.
    """
    config = Config()
    # Config values are interpolated, so escape per cent signs in the folder's name.
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
