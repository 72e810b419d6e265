"""The service as others meet it: `api` for programs, `pages` for people, `cli` for terminals, `receiver` for trying out.

`app` puts the first two together, `serving` starts and drains the process. Nothing here touches the store or the wire.
"""
