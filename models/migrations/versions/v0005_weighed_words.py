"""In PostgreSQL, a document's words weighed by where they stand, as in SQLite: in its name more than in its text."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

# PostgreSQL holds at most a megabyte of words: what of a document stands beyond 300,000 letters is not searched.
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
