"""Which versions can run on the schema, and which schema a running process knows."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None
needs = "0017"


def upgrade() -> None:
    made = op.create_table(
        "schema_needs",
        sa.Column("revision", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("revision", name=op.f("pk_schema_needs")),
    )
    op.bulk_insert(made, [{"revision": needs}])
    op.add_column("processes", sa.Column("knows", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("processes", "knows")
    op.drop_table("schema_needs")
