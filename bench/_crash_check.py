"""Check the file of a killed service: which messages are lost, sent twice or requeued."""

import sqlite3
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from breakwater.core.ids import created_at

Arrivals = Mapping[str, Sequence[tuple[str, float]]]
"""By endpoint id: each webhook id that arrived, with its time."""


@dataclass
class Kill:
    """One kill of the service, and the state of its file."""

    at: float
    """Seconds since the epoch, right after SIGKILL took effect."""
    ran: float
    """Seconds between the first response of the service and the kill."""
    accepted: int
    """Messages accepted until then."""
    missing: int
    """Accepted messages that are not in the file."""
    integrity: str
    claims: dict[str, float]
    """Deliveries in flight, with the end of their lease."""
    repeated: list[str] = field(default_factory=list)
    """Deliveries that arrived without a record and were sent again."""
    requeued_within: float = 0.0
    """Seconds from the kill until the last claim was requeued."""
    requeued_past_lease: float = float("-inf")
    """Maximum of seconds from the end of a lease to its requeue; negative when requeued earlier."""


@dataclass(frozen=True)
class Ending:
    """The result of all rounds."""

    states: Counter[str]
    """Deliveries of the accepted messages, by state."""
    lost: list[str]
    """Accepted messages that are neither delivered nor stopped with a reason, or that never arrived."""
    stopped: int
    """Deliveries that failed because their worker died too often."""
    unexplained: list[str]
    """Arrivals beyond the recorded attempts for which no claim was in flight at a kill."""
    integrity: str


def read_kill(path: Path, *, at: float, ran: float, accepted: Sequence[str], fresh: Sequence[str]) -> Kill:
    """Read the file of a killed service; `fresh` are the ids accepted since the last kill."""
    with closing(_reader(path)) as database:
        return Kill(
            at=at,
            ran=ran,
            accepted=len(accepted),
            missing=len(_missing(database, fresh)),
            integrity=_integrity(database),
            claims=dict(
                database.execute(
                    "SELECT id, lease_until FROM deliveries WHERE state = 'in_flight'"
                ).fetchall()
            ),
        )


def judge(path: Path, kills: Sequence[Kill], accepted: Iterable[str], arrivals: Arrivals) -> Ending:
    """Compare accepted, recorded and arrived messages; add repeats and requeues to each kill."""
    with closing(_reader(path)) as database:
        deliveries = database.execute("SELECT * FROM deliveries").fetchall()
        attempts = database.execute(
            "SELECT id, delivery_id, started_at, failure_class FROM attempts"
        ).fetchall()
        integrity = _integrity(database)
    unexplained = _explain_repeats(kills, deliveries, attempts, arrivals)
    _time_requeues(kills, attempts)
    accepted_ids = set(accepted)
    ours = [row for row in deliveries if row["message_id"] in accepted_ids]
    stopped = [row for row in ours if row["state"] == "failed" and row["failure_class"] == "lost"]
    delivered = {row["message_id"] for row in ours if row["state"] == "delivered"}
    ended = delivered | {row["message_id"] for row in stopped}
    arrived = {webhook_id for requests in arrivals.values() for webhook_id, _ in requests}
    return Ending(
        states=Counter(row["state"] for row in ours),
        lost=sorted((accepted_ids - ended) | (delivered - arrived)),
        stopped=len(stopped),
        unexplained=unexplained,
        integrity=integrity,
    )


def _explain_repeats(
    kills: Sequence[Kill], deliveries: Sequence[Any], attempts: Sequence[Any], arrivals: Arrivals
) -> list[str]:
    """Assign each arrival without a recorded attempt to the kill that prevented its record; return the others."""
    delivery_of = {(row["endpoint_id"], row["message_id"]): row["id"] for row in deliveries}
    ends = [kill.at for kill in kills]
    surplus: Counter[tuple[str, int]] = Counter()
    for endpoint_id, requests in arrivals.items():
        for webhook_id, at in requests:
            # The kernel delivers data that the killed process wrote: shortly after the kill still counts as before.
            surplus[delivery_of[endpoint_id, webhook_id], _life(ends, at - _KERNEL_DELAY_SECONDS)] += 1
    for row in attempts:
        if row["failure_class"] != "lost":
            surplus[row["delivery_id"], _life(ends, row["started_at"])] -= 1
    unexplained: list[str] = []
    for (delivery_id, life), count in surplus.items():
        if count > 0 and life < len(kills) and delivery_id in kills[life].claims and count == 1:
            kills[life].repeated.append(delivery_id)
        elif count > 0:
            unexplained.append(delivery_id)
    return unexplained


_KERNEL_DELAY_SECONDS = 0.2


def _life(ends: Sequence[float], at: float) -> int:
    """Return how many kills came before `at`."""
    return bisect_right(ends, at)


def _time_requeues(kills: Sequence[Kill], attempts: Sequence[Any]) -> None:
    """Set when the claims of each kill were requeued: the id of a lost attempt has that time.

    A kill during the start can come before the requeue; then the next start requeues the claim.
    """
    requeues: dict[str, list[float]] = defaultdict(list)
    for row in attempts:
        if row["failure_class"] == "lost":
            requeues[row["delivery_id"]].append(created_at(row["id"]))
    for kill in kills:
        requeued = {
            delivery_id: min((at for at in requeues[delivery_id] if at > kill.at), default=float("inf"))
            for delivery_id in kill.claims
        }
        kill.requeued_within = max((at - kill.at for at in requeued.values()), default=0.0)
        kill.requeued_past_lease = max(
            (requeued[delivery_id] - lease for delivery_id, lease in kill.claims.items()),
            default=float("-inf"),
        )


def _reader(path: Path) -> sqlite3.Connection:
    """Open read-only: the next start must recover the write-ahead log itself."""
    database = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)
    database.row_factory = sqlite3.Row
    return database


def _missing(database: sqlite3.Connection, ids: Sequence[str]) -> set[str]:
    rows = database.execute(
        "SELECT id FROM messages WHERE id IN (SELECT value FROM json_each(?))", [_json(ids)]
    )
    return set(ids) - {row[0] for row in rows}


def _json(ids: Sequence[str]) -> str:
    return "[" + ",".join(f'"{message_id}"' for message_id in ids) + "]"


def _integrity(database: sqlite3.Connection) -> str:
    problems = [str(row[0]) for row in database.execute("PRAGMA integrity_check(5)")]
    problems += [f"foreign key of {row[0]}" for row in database.execute("PRAGMA foreign_key_check")]
    return "; ".join(problem for problem in problems if problem != "ok") or "ok"
