"""A signal ends the service at any moment of its start, also where no default handler exists: as PID 1."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.processes import clean_environment, eventually

PRELUDE = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
"""PID 1 ignores a signal that it does not handle; so does a process that inherits this."""
RUN = PRELUDE + "import sys; sys.argv = ['breakwater', 'serve']; from breakwater.__main__ import main; main()"


def handles_sigterm(process: "subprocess.Popen[bytes]") -> bool:
    """Return whether the process has installed a handler, as Linux shows it."""
    assert process.poll() is None, "it ended by itself"
    status = Path(f"/proc/{process.pid}/status").read_text()
    caught = next(line for line in status.splitlines() if line.startswith("SigCgt"))
    return bool(int(caught.split()[1], 16) >> (signal.SIGTERM - 1) & 1)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads handlers from Linux's /proc")
@pytest.mark.parametrize("delay", [0.0, 0.1, 0.2, 0.3, 0.5, 0.8, 1.2, 2.0])
def test_sigterm_during_the_start_ends_it_cleanly(tmp_path: Path, delay: float) -> None:
    output = tmp_path / "serve.log"
    with output.open("wb") as stream:
        process = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-c", RUN],
            cwd=tmp_path,
            env=clean_environment(BREAKWATER_PORT="0"),
            stdout=stream,
            stderr=subprocess.STDOUT,
        )
    try:
        eventually(lambda: handles_sigterm(process))
        time.sleep(delay)  # the moment of the start is what is varied here
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) == 0, output.read_text()
        assert "Traceback" not in output.read_text()
    finally:
        process.kill()
        process.wait(10)
