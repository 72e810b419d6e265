"""One process per SQLite file: an exclusive lock beside it, which the kernel releases when its process ends."""

import fcntl
import os
from contextlib import suppress
from pathlib import Path

from breakwater.core.domain.errors import StartRefused


class FileLock:
    """An exclusive `flock` on `<database>.lock`, which contains the process id of its holder.

    SQLite lets two processes write in turn. Before 3.51.3 that can lose commits when both checkpoint at the same time,
    and two dispatchers on one file would each send the same deliveries.
    """

    def __init__(self, database: Path) -> None:
        self._database = database
        self._path = database.with_name(database.name + ".lock")
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Take the lock. Raises StartRefused, with the process id of the holder, when another process has it."""
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StartRefused(
                f"Cannot lock the database: {self._path} cannot be opened ({error.strerror})."
            ) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.read(descriptor, 32).decode("ascii", "replace").strip() or "unknown"
            os.close(descriptor)
            raise StartRefused(
                f"{self._database} is in use by another Breakwater process (pid {holder}): stop that one first, "
                f"or give this one another database."
            ) from error
        self._descriptor = descriptor
        with suppress(OSError):  # a full disk: the lock holds without the process id
            os.ftruncate(descriptor, 0)
            os.write(descriptor, f"{os.getpid()}\n".encode())

    def release(self) -> None:
        """Release the lock. The file stays: without it, two waiting processes could lock different files."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
