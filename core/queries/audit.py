"""What people, keys and the service itself did."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class AuditView:
    """What somebody did."""

    id: str
    at: float
    actor: str
    action: str
    subject: str
    reason: str | None
    outcome: str
    affected: int
    detail: dict[str, object] = field(default_factory=dict)
