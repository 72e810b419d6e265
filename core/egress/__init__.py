"""The wire: `guard` judges addresses, `reqwest_sender` is the service's client, `httpx_sender` the library's.

Both dial only what was judged, and tell what they met in the same words (`failures`).
"""
