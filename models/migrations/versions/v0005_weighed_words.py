"""PostgreSQL full-text search with field weights, as in SQLite: a document's name counts more than its text."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

# A tsvector is limited to 1 MB, so only the first 300,000 characters of a document are indexed.
_WEIGHED = (
    "ALTER TABLE documents ADD COLUMN words tsvector GENERATED ALWAYS AS ("
    "setweight(to_tsvector('english', name), 'A') || setweight(to_tsvector('english', description), 'B') || "
    "to_tsvector('english', left(text, 300000))) STORED"
)
_AS_BEFORE = (
    "CREATE INDEX documents_fts ON documents USING gin "
    "(to_tsvector('english', name || ' ' || description || ' ' || text))"
)


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP INDEX documents_fts")
        op.execute(_WEIGHED)
        op.execute("CREATE INDEX documents_fts ON documents USING gin (words)")


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP INDEX documents_fts")
        op.execute("ALTER TABLE documents DROP COLUMN words")
        op.execute(_AS_BEFORE)
