"""What the tools of a chat's persona were asked, and what they answered."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("chats", sa.Column("tool_calls", sa.JSON(), nullable=False, server_default="[]"))


def downgrade() -> None:
    op.drop_column("chats", "tool_calls")
