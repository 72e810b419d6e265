"""`breakwater`: the service, and the commands that talk to it.

Only `serve`, `demo`, `doctor` and `receiver` open anything here. The others ask a running service by its API,
at `BREAKWATER_URL` with `BREAKWATER_KEY`: one process owns the SQLite file, and it may be on another machine.
"""

from web.cli.group import Breakwater

main = Breakwater(
    name="breakwater",
    help="Deliver webhooks, and see what happens to them.",
    commands_in={
        "serve": "web.cli.serve",
        "demo": "web.cli.demo",
        "send": "web.cli.send",
        "deliveries": "web.cli.deliveries",
        "resend": "web.cli.resend",
        "replays": "web.cli.replays",
        "circuits": "web.cli.circuits",
        "keys": "web.cli.keys",
        "doctor": "web.cli.doctor",
        "receiver": "web.cli.receiver",
    },
)
"""The console script."""
