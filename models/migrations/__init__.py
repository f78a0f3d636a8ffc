"""The database's history: `upgrade` brings a database of any earlier version to this one."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection


def upgrade(connection: Connection) -> None:
    """Run the migrations that this database has not had, in the connection's own transaction.

    Raises:
        alembic.util.CommandError: the database was made by a newer version.
    """
    config = Config()
    # Config values are interpolated, so a per cent sign in the folder's name is doubled.
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
