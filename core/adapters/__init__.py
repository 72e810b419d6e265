"""The classes of the two specifications, on the same engine as the service."""
