"""A scriptable webhook receiver for loopback: for the example endpoint, the demo, tests and benchmarks.

`script` decides what a request gets, `log` keeps what arrived, `connection` speaks HTTP, `server` listens,
`desk` tells what came and takes orders.
"""

from breakwater.web.receiver.server import Receiver

__all__ = ["Receiver"]
