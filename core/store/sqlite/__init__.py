"""SQLite: its driver, its pragmas, its lock file."""
