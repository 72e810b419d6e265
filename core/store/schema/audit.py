"""The audit log."""

from typing import Any

from sqlalchemy import Index, Text
from sqlmodel import Field, SQLModel

from breakwater.core.store.schema.columns import epoch_column, json_column, long_text


class AuditEntry(SQLModel, table=True):
    """One action of a person, a key or the service itself."""

    __tablename__ = "audit_entries"
    __table_args__ = (
        Index("ix_audit_entries_subject", "subject", "id"),
        Index("ix_audit_entries_actor", "actor", "id"),
        Index("ix_audit_entries_action", "action", "id"),
    )

    id: str = Field(primary_key=True)
    at: float = epoch_column()
    actor: str
    """`person:ada`, `key:ci`, or `breakwater` for the service itself."""
    action: str
    """Noun and verb: `delivery.resend`, `circuit.reset`, `endpoint.update`, `person.sign_in`."""
    subject: str
    """The id of the object of the action."""
    reason: str | None = long_text()
    outcome: str = Field(sa_type=Text)
    """The result, one sentence."""
    detail: dict[str, Any] = json_column("{}")
    affected: int = 1
