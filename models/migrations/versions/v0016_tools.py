"""Tools of personas, what they say meanwhile, and the fields that tools set in a chat."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("personas", sa.Column("tools", sa.JSON(), nullable=False, server_default="[]"))
    op.add_column("personas", sa.Column("waiting", sa.Text(), nullable=False, server_default=""))
    op.add_column("chats", sa.Column("fields", sa.JSON(), nullable=False, server_default="{}"))


def downgrade() -> None:
    op.drop_column("chats", "fields")
    op.drop_column("personas", "waiting")
    op.drop_column("personas", "tools")
