"""Database migrations: `upgrade` migrates a database of any earlier version to the current schema."""

from pathlib import Path

from sqlalchemy import Connection, text

_FOLDER = Path(__file__).parent


class NewerDatabase(Exception):
    """A newer version of the service made the database."""


def newest() -> str:
    """Return the revision of the current schema, "0007", by the names of the migrations' files."""
    return max(file.stem[1:5] for file in (_FOLDER / "versions").glob("v*.py"))


def upgrade(connection: Connection) -> None:
    """Run the pending migrations, in the connection's own transaction.

    Raises:
        NewerDatabase: the database was made by a newer version.
    """
    if connection.dialect.has_table(connection, "alembic_version"):
        revisions = connection.execute(text("SELECT version_num FROM alembic_version")).scalars().all()
        if revisions == [newest()]:
            return
    # Imported only now: it takes a tenth of a second, and at most starts nothing is pending.
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    # Config values are interpolated, so escape per cent signs in the folder's name.
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise NewerDatabase(str(error)) from error
