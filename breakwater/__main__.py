"""The command `breakwater`, also as `python -m breakwater`."""

import sys

from breakwater.core.distribution import install_hint


def main() -> None:
    """Run the command, or say what to install when its packages are missing."""
    try:
        from breakwater.web.cli import main as run  # noqa: PLC0415 - may be missing in a base installation
    except ModuleNotFoundError as error:
        sys.exit(install_hint("The command breakwater", error))
    run()


if __name__ == "__main__":
    main()
