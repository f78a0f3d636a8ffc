"""The credential that a browser's secret was made with, whose end is the secret's."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("tokens", sa.Column("made_by", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("tokens", "made_by")
