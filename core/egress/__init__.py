"""Outbound HTTP: `guard` decides which addresses may be requested; `reqwest` and `httpx` each hold a sender.

The service sends with reqwest, the library with httpx. Both connect only to checked addresses and report failures in
the same words (`failures`).
"""
