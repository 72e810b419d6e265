"""The interfaces of the service: the JSON API, the web pages and the command line.

`app` assembles `api`, `pages` and `security` into one application, which `serve` runs as a process. `receiver` is a
webhook receiver for trials and tests. Nothing in this package uses the store or sends webhooks itself.
"""
