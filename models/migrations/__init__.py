"""Database migrations: `upgrade` migrates a database of any earlier version to the current schema.

A revision expands the schema, so that the version before it can run on it, too: an update may be rolled out process by
process, and rolled back. What such a version cannot live with (a column dropped or renamed, a new one that it does not
fill) waits for a later revision, which says so by `needs`: the oldest revision that a version has to know to run on the
schema. The table `schema_needs` tells it to versions that do not know the revision.
"""

from pathlib import Path

from sqlalchemy import Connection, inspect, text

_FOLDER = Path(__file__).parent


class NewerDatabase(Exception):
    """A newer version of the service made the database, and this one cannot run on it."""


class OlderRuns(Exception):
    """A process of an older version runs, which could not go on after the migration."""


def newest(folder: Path = _FOLDER) -> str:
    """Return the revision of the current schema, "0007", by the names of the migrations' files."""
    return max(file.stem[1:5] for file in (folder / "versions").glob("v*.py"))


def revision_of(connection: Connection) -> str | None:
    """Return the revision of a database's schema; None if it has none of ours."""
    if not connection.dialect.has_table(connection, "alembic_version"):
        return None
    revision: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return revision


def upgrade(connection: Connection, to: str = "", folder: Path = _FOLDER) -> bool:
    """Run the pending migrations, in the connection's own transaction.

    Args:
        connection: a connection to the database; nobody else may migrate it meanwhile.
        to: the last revision to run; empty for all.
        folder: where the migrations are.

    Returns:
        False if a newer version made the database and this one can run on it as it is.

    Raises:
        NewerDatabase: a newer version made the database, and this one cannot run on it.
        OlderRuns: a process of a version that cannot run on the new schema was seen in the last seconds.
    """
    here = revision_of(connection)
    known = newest(folder)
    if here == (to or known):
        return True
    if here is not None and here > known:
        needed = _needed(connection)
        if needed is None or needed > known:
            raise NewerDatabase(
                f"its schema is {here}, for versions that know {needed or here}; this one knows {known}"
            )
        return False
    # Imported only now: it takes a tenth of a second, and at most starts nothing is pending.
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory
    from alembic.util import CommandError

    config = Config()
    # Config values are interpolated, so escape per cent signs in the folder's name.
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    config.attributes["connection"] = connection
    scripts = ScriptDirectory.from_config(config).walk_revisions("base", to or "head")
    needs = max((getattr(script.module, "needs", "") for script in scripts), default="")
    _refuse_older(connection, needs)
    try:
        command.upgrade(config, to or "head")
    except CommandError as error:
        raise NewerDatabase(str(error)) from error
    if needs:
        connection.execute(text("UPDATE schema_needs SET revision = :needs"), {"needs": needs})
    return True


def _needed(connection: Connection) -> str | None:
    """Return the oldest revision that a version has to know to run on the database; None if it does not say."""
    if not connection.dialect.has_table(connection, "schema_needs"):
        return None
    revision: str | None = connection.execute(text("SELECT revision FROM schema_needs")).scalar()
    return revision


def _refuse_older(connection: Connection, needs: str) -> None:
    """Raise `OlderRuns` if a running process, seen by the service's clock or the database's, does not know `needs`."""
    if not needs or needs <= (_needed(connection) or ""):
        return
    if not connection.dialect.has_table(connection, "processes"):
        return
    if not any(column["name"] == "knows" for column in inspect(connection).get_columns("processes")):
        return
    recently = (
        "seen_at > clock_timestamp() - interval '6 seconds'"
        if connection.dialect.name == "postgresql"
        else "julianday(seen_at) > julianday('now', '-6 seconds')"
    )
    older = "SELECT count(*) FROM processes WHERE (knows IS NULL OR knows < :needs) AND "
    if running := connection.execute(text(older + recently), {"needs": needs}).scalar():
        raise OlderRuns(f"{running} of a version that does not know the schema {needs} run on it")
