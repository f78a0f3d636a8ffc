"""Run by Alembic: migrations on the connection that `models.migrations.upgrade` was given."""

from alembic import context

from models.tables.core import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    # SQLite changes a table only by making it anew.
    render_as_batch=True,
    # SQLite can roll back a half-made schema, once the driver leaves transactions to us.
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
