"""Telephone numbers, the calls on them, and PINs."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "phone_numbers",
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("entry", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_phone_numbers"),
    )
    op.create_table(
        "phone_calls",
        sa.Column("id", sa.Text(), nullable=False),
        *(
            sa.Column(name, sa.Text(), nullable=False)
            for name in ("line", "carrier_id", "direction", "caller", "called", "number")
        ),
        sa.Column("user_id", sa.Text(), nullable=True),
        sa.Column("chat_id", sa.Text(), nullable=True),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_phone_calls"),
    )
    for column in ("began_at", "carrier_id", "chat_id"):
        op.create_index(f"ix_phone_calls_{column}", "phone_calls", [column])
    op.create_table(
        "phone_pins",
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("pin_hash", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_phone_pins_user_id_users"),
        sa.PrimaryKeyConstraint("user_id", name="pk_phone_pins"),
        sa.UniqueConstraint("pin_hash", name="uq_phone_pins_pin_hash"),
    )


def downgrade() -> None:
    op.drop_table("phone_pins")
    op.drop_table("phone_calls")
    op.drop_table("phone_numbers")
