"""A scriptable webhook receiver on loopback, for the example endpoint, the demo, tests and benchmarks.

`script` decides how a path responds, `request_log` keeps the received requests, `connection` speaks HTTP, `server`
listens, and `control_api` reports requests and changes scripts at run time.
"""

from breakwater.web.receiver.server import Receiver

__all__ = ["Receiver"]
