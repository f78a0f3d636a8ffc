"""The session that a browser's secret configures."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("tokens", sa.Column("session", sa.JSON(), nullable=True))


def downgrade() -> None:
    op.drop_column("tokens", "session")
