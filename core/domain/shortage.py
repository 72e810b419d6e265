"""What this machine can run out of, and how an exception says so. A shortage says nothing about a receiver."""

import errno
import re
import socket
from collections.abc import Iterator
from enum import StrEnum, unique
from typing import Final, assert_never


@unique
class Resource(StrEnum):
    """A resource of this machine that an attempt needs."""

    FILE_DESCRIPTORS = "file_descriptors"
    MEMORY = "memory"
    PORTS = "ports"
    """Ephemeral ports: the local end of a connection."""
    THREADS = "threads"
    LOOKUPS = "lookups"
    """Threads for DNS lookups, all of which wait for other zones."""
    PROCESSOR = "processor"
    """Time to create an HTTP client, while many new receivers need one."""
    WATCHES = "watches"
    """Sockets that the kernel watches for one user."""


def shortage_text(resource: Resource) -> str:
    """Return what ran out and the remedy, for people: two sentences, the last one without its full stop."""
    return f"Breakwater has run out of {_name(resource)}. {_remedy(resource)}"


def _name(resource: Resource) -> str:  # noqa: PLR0911 - one case for each resource, all checked
    match resource:
        case Resource.FILE_DESCRIPTORS:
            return "file descriptors"
        case Resource.MEMORY:
            return "memory"
        case Resource.PORTS:
            return "local ports"
        case Resource.THREADS:
            return "threads"
        case Resource.LOOKUPS:
            return "threads for DNS lookups"
        case Resource.PROCESSOR:
            return "processor time"
        case Resource.WATCHES:
            return "socket watches"
        case _:
            assert_never(resource)


def _remedy(resource: Resource) -> str:  # noqa: PLR0911 - one case for each resource, all checked
    match resource:
        case Resource.FILE_DESCRIPTORS:
            return "Raise the limit (`ulimit -n`, LimitNOFILE=) or lower BREAKWATER_MAX_IN_FLIGHT"
        case Resource.MEMORY:
            return "Give the service more memory or lower BREAKWATER_MAX_IN_FLIGHT"
        case Resource.PORTS:
            return "Widen net.ipv4.ip_local_port_range or lower BREAKWATER_MAX_IN_FLIGHT"
        case Resource.THREADS:
            return "Raise the limit of processes (`ulimit -u`, TasksMax=)"
        case Resource.LOOKUPS:
            return "Check the DNS servers of this machine"
        case Resource.PROCESSOR:
            return "HTTP clients for new receivers are still being created"
        case Resource.WATCHES:
            return "Raise fs.epoll.max_user_watches"
        case _:
            assert_never(resource)


_BY_ERRNO: Final = {
    errno.EMFILE: Resource.FILE_DESCRIPTORS,
    errno.ENFILE: Resource.FILE_DESCRIPTORS,
    errno.ENOMEM: Resource.MEMORY,
    errno.ENOBUFS: Resource.MEMORY,
    errno.EADDRNOTAVAIL: Resource.PORTS,
    errno.ENOSPC: Resource.WATCHES,
}
_OS_ERROR: Final = re.compile(r"\(os error (\d+)\)")
"""How Rust's standard library writes an error of the operating system."""
_NO_THREAD: Final = "can't start new thread"
"""What Python's `RuntimeError` says when the system creates no thread."""


def resource_of_errno(number: int | None) -> Resource | None:
    """Return what ran out when the operating system reports error `number`; None: the error has another cause."""
    return None if number is None else _BY_ERRNO.get(number)


def os_error(text: str) -> int | None:
    """Return the operating system's error number in a message of a Rust library."""
    match = _OS_ERROR.search(text)
    return int(match[1]) if match else None


def resource_of(error: BaseException) -> Resource | None:
    """Return what ran out when `error` or one of its causes reports a shortage of this machine."""
    resources = (_resource_of_one(cause) for cause in causes(error))
    return next((resource for resource in resources if resource is not None), None)


def _resource_of_one(error: BaseException) -> Resource | None:
    match error:
        case MemoryError():
            return Resource.MEMORY
        case socket.gaierror():  # its errno is one of getaddrinfo's codes
            return Resource.MEMORY if error.errno == socket.EAI_MEMORY else None
        case OSError():
            return resource_of_errno(error.errno)
        case RuntimeError() if _NO_THREAD in str(error):
            return Resource.THREADS
        case RuntimeError():
            return _resource_of_runtime_error(os_error(str(error)))
        case _:
            return None


def _resource_of_runtime_error(number: int | None) -> Resource | None:
    """Return what ran out when a Rust library cannot start its threads: EAGAIN is the system's answer to that."""
    return Resource.THREADS if number == errno.EAGAIN else resource_of_errno(number)


def causes(error: BaseException) -> Iterator[BaseException]:
    """Yield `error` and its causes, those of an exception group included."""
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        if isinstance(cause, BaseExceptionGroup):
            yield from cause.exceptions
        cause = cause.__cause__ or cause.__context__
