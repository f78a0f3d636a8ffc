"""The SQLAlchemy tables, and the conversion of their rows to records."""
