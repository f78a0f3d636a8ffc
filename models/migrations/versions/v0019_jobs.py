"""Work under way, so that it is done once at a time, stopped from any process, and failed if its process is killed."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "jobs",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("chat_id", sa.Text(), nullable=True),
        sa.Column("lock", sa.Text(), nullable=True),
        sa.Column("about", sa.JSON(), nullable=False),
        sa.Column("process_id", sa.Text(), nullable=True),
        sa.Column("stop", sa.Boolean(), nullable=False),
        sa.Column("failed_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_jobs")),
        sa.UniqueConstraint("lock", name=op.f("uq_jobs_lock")),
    )
    op.create_index(op.f("ix_jobs_user_id"), "jobs", ["user_id"])
    op.create_index(op.f("ix_jobs_chat_id"), "jobs", ["chat_id"])


def downgrade() -> None:
    op.drop_index(op.f("ix_jobs_chat_id"), "jobs")
    op.drop_index(op.f("ix_jobs_user_id"), "jobs")
    op.drop_table("jobs")
