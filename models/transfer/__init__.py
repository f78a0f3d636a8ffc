"""Whole databases and data directories: copied to another database, into a backup, and back.

Rows are read and written as they are in any database (`tables`), so that SQLite and PostgreSQL hold the same.
"""
