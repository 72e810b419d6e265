"""`breakwater`: the service, and the commands that talk to it.

Only `serve`, `demo`, `doctor` and `receiver` open anything here. The others ask a running service by its API,
at `BREAKWATER_URL` with `BREAKWATER_KEY`: one process owns the SQLite file, and it may be on another machine.
"""

from breakwater.web.cli.group import Breakwater, Found

main = Breakwater(
    name="breakwater",
    help="Deliver webhooks, and see what happens to them.",
    commands_in={
        "serve": Found(
            "breakwater.web.cli.serve",
            "Run the service: the API, the pages and the delivery, in one process.",
            serves=True,
        ),
        "demo": Found(
            "breakwater.web.cli.demo",
            "Run the service with a scripted receiver and gentle traffic.",
            serves=True,
        ),
        "send": Found(
            "breakwater.web.cli.send",
            "Send PAYLOAD (JSON, @file or - for stdin) as an EVENT_TYPE to all who subscribe, or to whom you name.",
        ),
        "deliveries": Found(
            "breakwater.web.cli.deliveries",
            "List deliveries, newest first, or show DELIVERY_ID with its attempts.",
        ),
        "resend": Found(
            "breakwater.web.cli.resend",
            "Resend each DELIVERY: its numbering goes on, its retries begin anew.",
        ),
        "replays": Found(
            "breakwater.web.cli.replays",
            "List the bulk resends; or start, show, pause, resume and cancel one.",
        ),
        "circuits": Found(
            "breakwater.web.cli.circuits",
            "List the circuits, worst first; or reset, probe, hold and release one.",
        ),
        "keys": Found("breakwater.web.cli.keys", "List the API keys; or create and revoke them."),
        "doctor": Found(
            "breakwater.web.cli.doctor",
            "Check settings, database, disk, the running service and the key; say what to do about each problem.",
        ),
        "receiver": Found(
            "breakwater.web.cli.receiver",
            "Receive webhooks and answer by script: each path behaves as it is named.",
        ),
    },
)
