"""Charts of attempts and latency from the per-minute statistics."""
