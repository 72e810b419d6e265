"""The sender on httpx: every connection opens its own socket to the address that was checked."""
