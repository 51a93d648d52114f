"""The store of alerts and of the work on them, in SQLite or PostgreSQL."""
