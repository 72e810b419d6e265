"""What else the machine does during a measurement: a figure of a busy machine cannot be trusted."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import psutil

_TOLERATED_SHARE: Final = 0.1
"""Of all processors: used by other programs, or stolen by other machines on the same host."""


@dataclass(frozen=True)
class Usage:
    """Processor seconds of the whole machine since its start."""

    busy: float
    stolen: float
    total: float

    @classmethod
    def now(cls) -> Self:
        """Return the usage up to now."""
        times = psutil.cpu_times()
        stolen = getattr(times, "steal", 0.0)
        idle = times.idle + getattr(times, "iowait", 0.0)
        total = sum(times) - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)
        return cls(total - idle - stolen, stolen, total)

    def warnings(self, since: Self, own_seconds: float) -> list[str]:
        """Return why the figures measured `since` then cannot be trusted; `own_seconds` are those of the benchmark."""
        total = max(0.01, self.total - since.total)
        others = (self.busy - since.busy - own_seconds) / total
        stolen = (self.stolen - since.stolen) / total
        shares = {"other programs used": others, "other machines took": stolen}
        return [
            f"{what} {share:.0%} of the processors"
            for what, share in shares.items()
            if share > _TOLERATED_SHARE
        ]


def describe() -> dict[str, object]:
    """Return what a reader needs to know of the machine."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        "unknown",
    )
    return {"cores": os.cpu_count(), "processor": model, "load_average": os.getloadavg()[0]}
