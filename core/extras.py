"""What to install for a part that needs more than the base package."""

DISTRIBUTION = "breakwater-webhooks"


def install_hint(part: str, error: ModuleNotFoundError, extra: str = "server") -> str:
    """Return the sentence for `part` whose import failed with `error`.

    Raises the error itself when a module of Breakwater is missing: that is a fault of the package, not of the caller.
    """
    if error.name is None or error.name.partition(".")[0] == "breakwater":
        raise error
    return f"{part} needs the package {error.name}: pip install '{DISTRIBUTION}[{extra}]'"
