"""The practices that a token may start."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("tokens", sa.Column("practice_ids", sa.JSON(), nullable=False, server_default="[]"))


def downgrade() -> None:
    # A version that does not know them would let these tokens start any practice.
    op.execute("DELETE FROM tokens WHERE CAST(practice_ids AS TEXT) <> '[]'")
    op.drop_column("tokens", "practice_ids")
