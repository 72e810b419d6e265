"""What a killed service has left, read from its file, and what that means: lost, repeated, rescued."""

import sqlite3
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from breakwater.core.ids import made_at

Arrivals = Mapping[str, Sequence[tuple[str, float]]]
"""By endpoint id: the webhook ids that came to it, each with when."""


@dataclass
class Kill:
    """One end of the service, and the state in which it left its file."""

    at: float
    """Seconds since the epoch, right after SIGKILL took effect."""
    ran: float
    """Seconds between the service's first answer and its end."""
    answered: int
    """Messages answered 202 until then, in all."""
    missing: int
    """Those of them that are not in the file."""
    integrity: str
    claims: dict[str, float]
    """Deliveries in flight, each with the end of its lease."""
    repeated: list[str] = field(default_factory=list)
    """Deliveries that had arrived without a record, and so were sent again."""
    rescued_within: float = 0.0
    """Seconds from the kill until the last of the claims was back at work."""
    rescued_past_lease: float = float("-inf")
    """Seconds from a lease's end to its rescue, at worst; below zero when rescued before that."""


@dataclass(frozen=True)
class Ending:
    """How it all ended."""

    states: Counter[str]
    """Of the deliveries of every message that was answered 202."""
    lost: list[str]
    """Messages answered 202 that are neither delivered nor stopped with a reason, or that never arrived."""
    stopped: int
    """Deliveries whose worker died three times in a row, and which say so."""
    unexplained: list[str]
    """Arrivals beyond the recorded attempts for which no claim was in flight at a kill."""
    integrity: str


def read_kill(path: Path, *, at: float, ran: float, answered: Sequence[str], fresh: Sequence[str]) -> Kill:
    """Read the file of a service that was killed; `fresh` are the ids answered since the last kill."""
    with closing(_reader(path)) as database:
        return Kill(
            at=at,
            ran=ran,
            answered=len(answered),
            missing=len(_missing(database, fresh)),
            integrity=_integrity(database),
            claims=dict(
                database.execute(
                    "SELECT id, lease_until FROM deliveries WHERE state = 'in_flight'"
                ).fetchall()
            ),
        )


def judge(path: Path, kills: Sequence[Kill], answered: Iterable[str], arrivals: Arrivals) -> Ending:
    """Compare what was answered, what is recorded and what arrived; tell each kill what came of its claims."""
    with closing(_reader(path)) as database:
        deliveries = database.execute("SELECT * FROM deliveries").fetchall()
        attempts = database.execute(
            "SELECT id, delivery_id, started_at, failure_class FROM attempts"
        ).fetchall()
        integrity = _integrity(database)
    unexplained = _explain_repeats(kills, deliveries, attempts, arrivals)
    _time_rescues(kills, attempts)
    wanted = set(answered)
    ours = [row for row in deliveries if row["message_id"] in wanted]
    stopped = [row for row in ours if row["state"] == "failed" and "in a row" in (row["error"] or "")]
    kept = {row["message_id"] for row in [*(r for r in ours if r["state"] == "delivered"), *stopped]}
    came = {webhook_id for every in arrivals.values() for webhook_id, _ in every}
    delivered = {row["message_id"] for row in ours if row["state"] == "delivered"}
    return Ending(
        states=Counter(row["state"] for row in ours),
        lost=sorted((wanted - kept) | (delivered - came)),
        stopped=len(stopped),
        unexplained=unexplained,
        integrity=integrity,
    )


def _explain_repeats(
    kills: Sequence[Kill], deliveries: Sequence[Any], attempts: Sequence[Any], arrivals: Arrivals
) -> list[str]:
    """Give every arrival without a recorded attempt to the kill that cut its record off; return the others."""
    delivery_of = {(row["endpoint_id"], row["message_id"]): row["id"] for row in deliveries}
    ends = [kill.at for kill in kills]
    surplus: Counter[tuple[str, int]] = Counter()
    for endpoint_id, every in arrivals.items():
        for webhook_id, at in every:
            # The kernel hands over what a dead process had written: an instant later still counts as before.
            surplus[delivery_of[endpoint_id, webhook_id], _life(ends, at - _HANDED_OVER)] += 1
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


_HANDED_OVER = 0.2


def _life(ends: Sequence[float], at: float) -> int:
    """Return in which life of the service this was, counted from 0."""
    return bisect_right(ends, at)


def _time_rescues(kills: Sequence[Kill], attempts: Sequence[Any]) -> None:
    """Note when the claims of each kill were taken over: the id of a lost attempt is made at that moment.

    A kill at the start may come before the rescue; the claim then waits for the start after that.
    """
    rescues: dict[str, list[float]] = defaultdict(list)
    for row in attempts:
        if row["failure_class"] == "lost":
            rescues[row["delivery_id"]].append(made_at(row["id"]))
    for kill in kills:
        taken = {
            each: min((at for at in rescues[each] if at > kill.at), default=float("inf"))
            for each in kill.claims
        }
        kill.rescued_within = max((at - kill.at for at in taken.values()), default=0.0)
        kill.rescued_past_lease = max(
            (taken[each] - lease for each, lease in kill.claims.items()), default=float("-inf")
        )


def _reader(path: Path) -> sqlite3.Connection:
    """Open for reading only: what the kill left in the log is for the next start to put in order."""
    database = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)
    database.row_factory = sqlite3.Row
    return database


def _missing(database: sqlite3.Connection, ids: Sequence[str]) -> set[str]:
    found = database.execute(
        "SELECT id FROM messages WHERE id IN (SELECT value FROM json_each(?))", [_json(ids)]
    )
    return set(ids) - {row[0] for row in found}


def _json(ids: Sequence[str]) -> str:
    return "[" + ",".join(f'"{each}"' for each in ids) + "]"


def _integrity(database: sqlite3.Connection) -> str:
    problems = [str(row[0]) for row in database.execute("PRAGMA integrity_check(5)")]
    problems += [f"foreign key of {row[0]}" for row in database.execute("PRAGMA foreign_key_check")]
    return "; ".join(each for each in problems if each != "ok") or "ok"
