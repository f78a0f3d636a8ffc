"""Reactions and steers of scripted personas."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("personas", sa.Column("reactions", sa.JSON(), nullable=False, server_default="{}"))
    op.add_column("personas", sa.Column("steers", sa.JSON(), nullable=False, server_default="[]"))


def downgrade() -> None:
    op.drop_column("personas", "steers")
    op.drop_column("personas", "reactions")
