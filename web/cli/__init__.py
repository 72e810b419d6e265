"""The `breakwater` command: the service, and the commands that call its API.

`serve`, `demo`, `people`, `secrets`, `doctor` and `receiver` run locally. The other commands call a running service at
`BREAKWATER_URL` with `BREAKWATER_KEY`, because one process owns the SQLite file and can be on another machine.
"""

from breakwater.web.cli.group import CommandEntry, LazyGroup

main = LazyGroup(
    name="breakwater",
    help="Deliver webhooks and inspect deliveries.",
    entries={
        "serve": CommandEntry(
            "breakwater.web.cli.serve",
            "Run the service: API, web pages and delivery in one process.",
            runs_service=True,
        ),
        "demo": CommandEntry(
            "breakwater.web.cli.demo",
            "Run the service with a scripted receiver and demo traffic.",
            runs_service=True,
        ),
        "send": CommandEntry(
            "breakwater.web.cli.send",
            "Send PAYLOAD (JSON, @file or - for stdin) as a message of type EVENT_TYPE.",
        ),
        "deliveries": CommandEntry(
            "breakwater.web.cli.deliveries",
            "List deliveries, newest first, or show DELIVERY_ID with its attempts.",
        ),
        "resend": CommandEntry(
            "breakwater.web.cli.resend",
            "Resend each DELIVERY and restart its retry schedule.",
        ),
        "replays": CommandEntry(
            "breakwater.web.cli.replays",
            "List bulk resends; start, show, pause, resume or cancel one.",
        ),
        "circuits": CommandEntry(
            "breakwater.web.cli.circuits",
            "List circuits, open ones first; reset, probe, hold or release one.",
        ),
        "keys": CommandEntry("breakwater.web.cli.keys", "List API keys; create, rotate or revoke them."),
        "people": CommandEntry(
            "breakwater.web.cli.people",
            "Make a sign-in link for an administrator of a stopped service.",
        ),
        "secrets": CommandEntry(
            "breakwater.web.cli.secrets",
            "Reset the signing secrets of a stopped service whose key is lost.",
        ),
        "doctor": CommandEntry(
            "breakwater.web.cli.doctor",
            "Check settings, database, disk, keys and service, and name the remedy for each problem.",
        ),
        "receiver": CommandEntry(
            "breakwater.web.cli.receiver",
            "Receive webhooks and respond by script: each path behaves as its name says.",
        ),
    },
)
