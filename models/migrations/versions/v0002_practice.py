"""Owners, rubrics, time limits, grades, notes, drafts, recordings, idempotency keys, staged operations, full text."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_SQLITE_FULL_TEXT = (
    "CREATE VIRTUAL TABLE documents_fts USING fts5(id UNINDEXED, name, description, text, tokenize='porter unicode61')",
    "INSERT INTO documents_fts (id, name, description, text) SELECT id, name, description, text FROM documents",
    "CREATE TRIGGER documents_fts_added AFTER INSERT ON documents BEGIN "
    "INSERT INTO documents_fts (id, name, description, text) VALUES (new.id, new.name, new.description, new.text); END",
    "CREATE TRIGGER documents_fts_changed AFTER UPDATE ON documents BEGIN "
    "DELETE FROM documents_fts WHERE id = old.id; "
    "INSERT INTO documents_fts (id, name, description, text) VALUES (new.id, new.name, new.description, new.text); END",
    "CREATE TRIGGER documents_fts_removed AFTER DELETE ON documents BEGIN "
    "DELETE FROM documents_fts WHERE id = old.id; END",
)
_POSTGRES_FULL_TEXT = (
    "CREATE INDEX documents_fts ON documents USING gin "
    "(to_tsvector('english', name || ' ' || description || ' ' || text))"
)


def upgrade() -> None:
    for table in ("personas", "documents", "scenarios", "simulations", "practices"):
        op.add_column(table, sa.Column("owner_id", sa.Text(), nullable=True))
    op.add_column("scenarios", sa.Column("resources", sa.JSON(), nullable=False, server_default="{}"))
    op.add_column("simulations", sa.Column("rubric_id", sa.Text(), nullable=True))
    op.add_column("simulations", sa.Column("time_limit_s", sa.Integer(), nullable=True))
    op.add_column("practices", sa.Column("cohort_ids", sa.JSON(), nullable=False, server_default="[]"))
    op.add_column("attempts", sa.Column("completion_message", sa.Text(), nullable=True))
    op.add_column("chats", sa.Column("started_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("chats", sa.Column("configuration", sa.JSON(), nullable=False, server_default="{}"))
    op.add_column("chats", sa.Column("previous_chat_id", sa.Text(), nullable=True))
    op.add_column("messages", sa.Column("started_ms", sa.Integer(), nullable=True))
    op.add_column("messages", sa.Column("ended_ms", sa.Integer(), nullable=True))

    op.create_table(
        "resources",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.Column("owner_id", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_resources"),
    )
    op.create_index("ix_resources_kind", "resources", ["kind"])
    op.create_table(
        "grades",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("chat_id", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("score", sa.Integer(), nullable=False),
        sa.Column("passed", sa.Boolean(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("time_taken_s", sa.Integer(), nullable=False),
        sa.Column("total_points", sa.Integer(), nullable=False),
        sa.Column("pass_points", sa.Integer(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["chat_id"], ["chats.id"], name="fk_grades_chat_id_chats"),
        sa.PrimaryKeyConstraint("id", name="pk_grades"),
    )
    op.create_index("ix_grades_chat_id", "grades", ["chat_id"])
    op.create_table(
        "notes",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("chat_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=True),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["chat_id"], ["chats.id"], name="fk_notes_chat_id_chats"),
        sa.ForeignKeyConstraint(["message_id"], ["messages.id"], name="fk_notes_message_id_messages"),
        sa.PrimaryKeyConstraint("id", name="pk_notes"),
    )
    op.create_index("ix_notes_chat_id", "notes", ["chat_id"])
    op.create_table(
        "responses",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("chat_id", sa.Text(), nullable=False),
        sa.Column("question_id", sa.Text(), nullable=False),
        sa.Column("option_ids", sa.JSON(), nullable=False),
        sa.Column("is_correct", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["chat_id"], ["chats.id"], name="fk_responses_chat_id_chats"),
        sa.PrimaryKeyConstraint("id", name="pk_responses"),
    )
    op.create_index("ix_responses_chat_id", "responses", ["chat_id"])
    op.create_table(
        "drafts",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("chat_id", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("state", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_drafts_user_id_users"),
        sa.PrimaryKeyConstraint("id", name="pk_drafts"),
    )
    op.create_index("ix_drafts_user_id", "drafts", ["user_id"])
    op.create_table(
        "draft_versions",
        sa.Column("draft_id", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("state", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["draft_id"], ["drafts.id"], name="fk_draft_versions_draft_id_drafts"),
        sa.PrimaryKeyConstraint("draft_id", "version", name="pk_draft_versions"),
    )
    op.create_table(
        "audios",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("file_name", sa.Text(), nullable=False),
        sa.Column("mime_type", sa.Text(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_audios_user_id_users"),
        sa.PrimaryKeyConstraint("id", name="pk_audios"),
    )
    op.create_table(
        "keyed_calls",
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("reply", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_keyed_calls_user_id_users"),
        sa.PrimaryKeyConstraint("user_id", "key", name="pk_keyed_calls"),
    )
    op.create_table(
        "staged_calls",
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("operation", sa.Text(), nullable=False),
        sa.Column("chat_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_staged_calls_user_id_users"),
        sa.PrimaryKeyConstraint("user_id", "operation", "chat_id", name="pk_staged_calls"),
    )
    op.create_table(
        "tests",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("benchmark_id", sa.Text(), nullable=False),
        sa.Column("invocation_id", sa.Text(), nullable=False),
        sa.Column("infinite_mode", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_tests_user_id_users"),
        sa.PrimaryKeyConstraint("id", name="pk_tests"),
        sa.UniqueConstraint("invocation_id", name="uq_tests_invocation_id"),
    )
    op.create_table(
        "test_runs",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("test_id", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("original_id", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("chat_id", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["test_id"], ["tests.id"], name="fk_test_runs_test_id_tests"),
        sa.PrimaryKeyConstraint("id", name="pk_test_runs"),
    )
    op.create_index("ix_test_runs_test_id", "test_runs", ["test_id"])

    if op.get_bind().dialect.name == "sqlite":
        for statement in _SQLITE_FULL_TEXT:
            op.execute(statement)
    elif op.get_bind().dialect.name == "postgresql":
        op.execute(_POSTGRES_FULL_TEXT)


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for trigger in ("added", "changed", "removed"):
            op.execute(f"DROP TRIGGER documents_fts_{trigger}")
        op.execute("DROP TABLE documents_fts")
    elif op.get_bind().dialect.name == "postgresql":
        op.execute("DROP INDEX documents_fts")
    for table in ("test_runs", "tests", "staged_calls", "keyed_calls", "audios", "draft_versions", "drafts"):
        op.drop_table(table)
    for table in ("responses", "notes", "grades", "resources"):
        op.drop_table(table)
    columns = {
        "messages": ("started_ms", "ended_ms"),
        "chats": ("started_at", "configuration", "previous_chat_id"),
        "attempts": ("completion_message",),
        "practices": ("cohort_ids", "owner_id"),
        "simulations": ("rubric_id", "time_limit_s", "owner_id"),
        "scenarios": ("resources", "owner_id"),
        "documents": ("owner_id",),
        "personas": ("owner_id",),
    }
    for table, names in columns.items():
        for name in names:
            op.drop_column(table, name)
