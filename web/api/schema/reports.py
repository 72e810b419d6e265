"""Responses of the statistics and the audit log."""

from typing import Any

import msgspec

from breakwater.core.queries.audit import AuditView
from breakwater.core.queries.traffic.model import Traffic
from breakwater.core.text.timestamps import iso
from breakwater.web.api.schema.responses import Time


class Latency(msgspec.Struct, frozen=True):
    """Percentiles of the response time."""

    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None


class Point(msgspec.Struct, frozen=True):
    """The attempts in one step of the series."""

    at: Time
    successes: int
    failures: int


class Stats(msgspec.Struct, frozen=True, kw_only=True):
    """Attempts in a period."""

    minutes: int
    attempts: int
    successes: int
    success_share: float | None
    by_outcome: dict[str, int]
    latency: Latency
    step_minutes: int
    """Length of one step of the series in minutes."""
    series: list[Point]
    """Oldest first, with a point for every step."""


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """An entry of the audit log."""

    id: str
    at: Time
    actor: str
    action: str
    subject: str
    reason: str | None
    outcome: str
    affected: int
    detail: dict[str, Any]


def stats(traffic: Traffic) -> Stats:
    """Return the statistics of a period."""
    latency = traffic.latency
    return Stats(
        minutes=traffic.minutes,
        attempts=traffic.attempts,
        successes=traffic.successes,
        success_share=traffic.success_share,
        by_outcome=traffic.by_outcome,
        step_minutes=traffic.step,
        latency=Latency(latency.p50, latency.p95, latency.p99),
        series=[Point(iso(minute * 60), good, bad) for minute, good, bad in traffic.series],
    )


def audit_entry(view: AuditView) -> AuditEntry:
    """Return an audit entry."""
    return AuditEntry(
        id=view.id,
        at=iso(view.at),
        actor=view.actor,
        action=view.action,
        subject=view.subject,
        reason=view.reason,
        outcome=view.outcome,
        affected=view.affected,
        detail=view.detail,
    )
