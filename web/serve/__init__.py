"""Run the service as a process.

`process` listens, serves and drains. `first_start` creates the first credentials and the example endpoint, `banner`
prints them, `example` runs the example receiver. `demo` sends demo traffic; `doctor` checks an installation.
"""
