"""Read models of endpoints."""
