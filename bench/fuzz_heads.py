"""Send 100,000 fuzzed response heads through each sender: every one ends with an outcome, in bounded memory.

    python bench/fuzz_heads.py [HEADS] [FIRST]

Exits with an error at the first head that ends in an exception or without words; its number repeats it.
"""

import asyncio
import sys
from pathlib import Path
from time import perf_counter
from typing import Final

import psutil

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.egress.conftest import SENDERS
from tests.egress.response_heads import fuzz_heads

HEADS: Final = 100_000
WARM_UP: Final = 5_000
"""Heads after which caches and allocators have their size."""
MAX_GROWTH_MB: Final = 32


def _memory_mb() -> float:
    return float(psutil.Process().memory_info().rss) / 1024**2


def main() -> None:
    """Fuzz both senders and report counts, time and memory."""
    heads = int(sys.argv[1]) if len(sys.argv) > 1 else HEADS
    first = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    for kind in sorted(SENDERS):
        warm_up = min(WARM_UP, heads // 2)
        started = perf_counter()
        counts = asyncio.run(fuzz_heads(kind, range(first, first + warm_up)))
        before = _memory_mb()
        counts += asyncio.run(fuzz_heads(kind, range(first + warm_up, first + heads)))
        growth = _memory_mb() - before
        seconds = perf_counter() - started
        print(f"{kind}: {heads:,} heads in {seconds:.0f} s, {dict(counts)}, memory +{growth:.1f} MB")
        if growth > MAX_GROWTH_MB:
            raise SystemExit(
                f"{kind}: memory grew by {growth:.1f} MB; at most {MAX_GROWTH_MB} MB are expected"
            )


if __name__ == "__main__":
    main()
