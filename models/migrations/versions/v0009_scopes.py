"""Scopes, expiry and personas of tokens; short-lived and acting tokens become tokens like all others."""

from uuid import uuid4

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_SHORT = sa.table(
    "short_tokens",
    *(sa.column(name, sa.Text()) for name in ("secret_hash", "user_id")),
    *(sa.column(name, sa.DateTime(timezone=True)) for name in ("created_at", "expires_at")),
)
_TOKENS = sa.table(
    "tokens",
    *(sa.column(name, sa.Text()) for name in ("id", "user_id", "label", "secret_hash", "scope")),
    *(sa.column(name, sa.DateTime(timezone=True)) for name in ("created_at", "expires_at")),
)
_ACTING = sa.table("acting_tokens", sa.column("token_id", sa.Text()))


def upgrade() -> None:
    op.add_column("tokens", sa.Column("scope", sa.Text(), nullable=False, server_default="user"))
    for name in ("expires_at", "spent_at"):
        op.add_column("tokens", sa.Column(name, sa.DateTime(timezone=True), nullable=True))
    op.add_column("tokens", sa.Column("persona_id", sa.Text(), nullable=True))
    bind = op.get_bind()
    bind.execute(sa.update(_TOKENS).where(_TOKENS.c.id.in_(sa.select(_ACTING.c.token_id))).values(scope="operator"))
    short = [dict(row) | {"id": str(uuid4()), "label": ""} for row in bind.execute(sa.select(_SHORT)).mappings()]
    if short:
        bind.execute(sa.insert(_TOKENS), short)
    op.drop_table("short_tokens")
    op.drop_table("acting_tokens")
    op.create_table(
        "token_chats",
        sa.Column("chat_id", sa.Text(), nullable=False),
        sa.Column("token_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["chat_id"], ["chats.id"], name=op.f("fk_token_chats_chat_id_chats")),
        sa.PrimaryKeyConstraint("chat_id", name=op.f("pk_token_chats")),
    )


def downgrade() -> None:
    op.drop_table("token_chats")
    op.create_table(
        "acting_tokens",
        sa.Column("token_id", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["token_id"], ["tokens.id"], name=op.f("fk_acting_tokens_token_id_tokens")),
        sa.PrimaryKeyConstraint("token_id", name=op.f("pk_acting_tokens")),
    )
    op.execute("INSERT INTO acting_tokens SELECT id, created_at FROM tokens WHERE scope = 'operator'")
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
    # A version that knows neither scopes nor expiry would take these for tokens of everything.
    op.execute("DELETE FROM tokens WHERE scope NOT IN ('user', 'operator') OR expires_at IS NOT NULL")
    for name in ("persona_id", "spent_at", "expires_at", "scope"):
        op.drop_column("tokens", name)
