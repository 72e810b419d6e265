"""Request bodies and responses of the API, and its OpenAPI description."""
