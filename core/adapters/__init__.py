"""The names that the two specifications ask for, on the same engine as the service."""
