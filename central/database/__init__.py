"""The centre's memory: SQLite or PostgreSQL."""
