"""Short-lived tokens."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "short_tokens",
        sa.Column("secret_hash", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_short_tokens_user_id_users")),
        sa.PrimaryKeyConstraint("secret_hash", name=op.f("pk_short_tokens")),
    )
    op.create_index(op.f("ix_short_tokens_expires_at"), "short_tokens", ["expires_at"], unique=False)


def downgrade() -> None:
    op.drop_table("short_tokens")
