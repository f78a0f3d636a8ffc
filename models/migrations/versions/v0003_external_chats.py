"""Chats of other systems' clients, their files and credentials, the origins of documents, and tutoring."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "chat_files",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("mime_type", sa.Text(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("failure", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_chat_files_user_id_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_chat_files")),
    )
    op.create_index(op.f("ix_chat_files_user_id"), "chat_files", ["user_id"], unique=False)
    op.create_table(
        "diagnostics",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("node_id", sa.Text(), nullable=False),
        sa.Column("score", sa.Double(), nullable=False),
        sa.Column("total_questions", sa.Integer(), nullable=False),
        sa.Column("incorrect_questions", sa.Integer(), nullable=False),
        sa.Column("weak_areas", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_diagnostics_user_id_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_diagnostics")),
    )
    op.create_index(op.f("ix_diagnostics_user_id"), "diagnostics", ["user_id"], unique=False)
    op.create_table(
        "document_origins",
        sa.Column("document_id", sa.Text(), nullable=False),
        sa.Column("publisher", sa.Text(), nullable=False),
        sa.Column("datasource", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["document_id"], ["documents.id"], name=op.f("fk_document_origins_document_id_documents")
        ),
        sa.PrimaryKeyConstraint("document_id", name=op.f("pk_document_origins")),
    )
    op.create_table(
        "external_chats",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("dialect", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("summary", sa.Text(), nullable=True),
        sa.Column("pinned", sa.Boolean(), nullable=False),
        sa.Column("subject_id", sa.Text(), nullable=True),
        sa.Column("message_count", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_external_chats_user_id_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_external_chats")),
    )
    op.create_index(op.f("ix_external_chats_user_id"), "external_chats", ["user_id"], unique=False)
    op.create_table(
        "node_edges",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("source_id", sa.Text(), nullable=False),
        sa.Column("target_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_node_edges_user_id_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_node_edges")),
        sa.UniqueConstraint(
            "user_id", "source_id", "target_id", name=op.f("uq_node_edges_user_id_source_id_target_id")
        ),
    )
    op.create_table(
        "node_progress",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("node_id", sa.Text(), nullable=False),
        sa.Column("mastery", sa.Double(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_node_progress_user_id_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_node_progress")),
        sa.UniqueConstraint("user_id", "node_id", name=op.f("uq_node_progress_user_id_node_id")),
    )
    op.create_table(
        "nodes",
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("branch_id", sa.Text(), nullable=True),
        sa.Column("parent_id", sa.Text(), nullable=True),
        sa.Column("lesson", sa.Text(), nullable=True),
        sa.Column("accuracy", sa.Double(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_nodes_user_id_users")),
        sa.PrimaryKeyConstraint("user_id", "id", name=op.f("pk_nodes")),
    )
    op.create_table(
        "oauth_clients",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("secret_hash", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_oauth_clients_user_id_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_oauth_clients")),
    )
    op.create_table(
        "access_tokens",
        sa.Column("secret_hash", sa.Text(), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["client_id"], ["oauth_clients.id"], name=op.f("fk_access_tokens_client_id_oauth_clients")
        ),
        sa.PrimaryKeyConstraint("secret_hash", name=op.f("pk_access_tokens")),
    )
    op.create_index(op.f("ix_access_tokens_client_id"), "access_tokens", ["client_id"], unique=False)
    op.create_index(op.f("ix_access_tokens_expires_at"), "access_tokens", ["expires_at"], unique=False)
    op.create_table(
        "acting_tokens",
        sa.Column("token_id", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["token_id"], ["tokens.id"], name=op.f("fk_acting_tokens_token_id_tokens")),
        sa.PrimaryKeyConstraint("token_id", name=op.f("pk_acting_tokens")),
    )
    op.create_table(
        "exercise_results",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("node_id", sa.Text(), nullable=False),
        sa.Column("session_id", sa.Text(), nullable=False),
        sa.Column("prompt", sa.Text(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("is_correct", sa.Boolean(), nullable=False),
        sa.Column("score", sa.Double(), nullable=False),
        sa.Column("feedback", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["session_id"], ["external_chats.id"], name=op.f("fk_exercise_results_session_id_external_chats")
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_exercise_results_user_id_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_exercise_results")),
    )
    op.create_index(op.f("ix_exercise_results_user_id"), "exercise_results", ["user_id"], unique=False)
    op.create_table(
        "external_messages",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("chat_id", sa.Text(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("parent_id", sa.Text(), nullable=True),
        sa.Column("full_text", sa.Text(), nullable=True),
        sa.Column("heard_ms", sa.Integer(), nullable=True),
        sa.Column("interrupted", sa.Boolean(), nullable=False),
        sa.Column("completed", sa.Boolean(), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["chat_id"], ["external_chats.id"], name=op.f("fk_external_messages_chat_id_external_chats")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_external_messages")),
        sa.UniqueConstraint("chat_id", "sequence", name=op.f("uq_external_messages_chat_id_sequence")),
    )
    op.create_table(
        "hints",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("node_id", sa.Text(), nullable=False),
        sa.Column("session_id", sa.Text(), nullable=True),
        sa.Column("request_message_id", sa.Text(), nullable=True),
        sa.Column("response_message_id", sa.Text(), nullable=True),
        sa.Column("referenced_message_ids", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["session_id"], ["external_chats.id"], name=op.f("fk_hints_session_id_external_chats")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_hints_user_id_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hints")),
    )
    op.create_index(op.f("ix_hints_user_id"), "hints", ["user_id"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_hints_user_id"), table_name="hints")
    op.drop_table("hints")
    op.drop_table("external_messages")
    op.drop_index(op.f("ix_exercise_results_user_id"), table_name="exercise_results")
    op.drop_table("exercise_results")
    op.drop_table("acting_tokens")
    op.drop_index(op.f("ix_access_tokens_expires_at"), table_name="access_tokens")
    op.drop_index(op.f("ix_access_tokens_client_id"), table_name="access_tokens")
    op.drop_table("access_tokens")
    op.drop_table("oauth_clients")
    op.drop_table("nodes")
    op.drop_table("node_progress")
    op.drop_table("node_edges")
    op.drop_index(op.f("ix_external_chats_user_id"), table_name="external_chats")
    op.drop_table("external_chats")
    op.drop_table("document_origins")
    op.drop_index(op.f("ix_diagnostics_user_id"), table_name="diagnostics")
    op.drop_table("diagnostics")
    op.drop_index(op.f("ix_chat_files_user_id"), table_name="chat_files")
    op.drop_table("chat_files")
