"""Breakwater: webhook delivery with retries and a circuit breaker per endpoint."""
