"""The limit of file descriptors of this process."""

import contextlib
import resource
from typing import Final

MAX_DESCRIPTORS: Final = 65_536
"""The soft limit that is set where the hard limit is infinite."""


def raise_descriptor_limit() -> None:
    """Raise the soft limit of file descriptors to the hard one, as far as this process may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    target = reachable_descriptor_limit()
    if soft not in {resource.RLIM_INFINITY, target} and soft < target:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (target, hard))


def descriptor_limit() -> int:
    """Return how many file descriptors this process may have open."""
    soft, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MAX_DESCRIPTORS if soft == resource.RLIM_INFINITY else soft


def reachable_descriptor_limit() -> int:
    """Return what `descriptor_limit` would be after `raise_descriptor_limit`."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MAX_DESCRIPTORS if hard == resource.RLIM_INFINITY else hard
