"""Alembic's environment: runs migrations on the connection given to `models.migrations.upgrade`."""

from alembic import context

from models.tables.base import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    # SQLite can alter a table only by recreating it.
    render_as_batch=True,
    # SQLite can roll back DDL, once the driver leaves transactions to us.
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
