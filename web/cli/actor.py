"""Who runs a command that works without the service, for the audit log."""

import getpass


def local_actor() -> str:
    """Return the name of the user of this machine, as the actor of audit entries."""
    try:
        return f"command line ({getpass.getuser()})"
    except (OSError, KeyError):  # a user id without a name
        return "command line"
