"""Which of several processes may write in a call, and where each of them is reached by the others."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("open_calls", sa.Column("epoch", sa.Integer(), nullable=False, server_default="0"))
    op.create_index("ix_open_calls_conversation_id", "open_calls", ["conversation_id"])
    op.add_column("processes", sa.Column("address", sa.Text(), nullable=False, server_default=""))
    op.add_column("processes", sa.Column("state", sa.Text(), nullable=False, server_default="serving"))


def downgrade() -> None:
    op.drop_column("processes", "state")
    op.drop_column("processes", "address")
    op.drop_index("ix_open_calls_conversation_id", "open_calls")
    op.drop_column("open_calls", "epoch")
