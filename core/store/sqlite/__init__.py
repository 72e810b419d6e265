"""What only SQLite needs: its driver, its pragmas, its lock file."""
