"""Who carries what is running, so that the next process recovers only what nobody does; and users that are deleted."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "processes",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("began", sa.Text(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_processes")),
    )
    for table in ("open_calls", "test_runs"):
        op.add_column(table, sa.Column("process_id", sa.Text(), nullable=True))
    op.add_column("users", sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    # A version that does not know deleted users would let their names in again, but nothing opens what is left of them.
    op.drop_column("users", "deleted_at")
    for table in ("open_calls", "test_runs"):
        op.drop_column(table, "process_id")
    op.drop_table("processes")
