"""The SQLAlchemy tables."""
