"""Ed25519 signatures, and the vault that encrypts endpoint secrets at rest."""
