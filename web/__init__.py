"""The service as others meet it: `api` for programs, `pages` for people, `cli` for terminals, `receiver` to try it on.

`app` puts the first two together, `serving` starts and drains the process. Nothing here touches the store or the wire.
"""
