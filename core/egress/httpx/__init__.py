"""The sender on httpx: every connection opens a socket to a checked address."""
