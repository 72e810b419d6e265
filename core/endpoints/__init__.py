"""Create, update, rotate and delete endpoints."""
