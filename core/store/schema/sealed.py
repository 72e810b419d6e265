"""The sealed columns: everything that is stored encrypted, in one list.

Each start checks that the key opens them, `breakwater doctor` too, and `breakwater secrets reset` replaces them.
"""

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Column

from breakwater.core.store.schema.endpoints import Endpoint

_ENDPOINTS: Final = Endpoint.__table__  # type: ignore[attr-defined]  # SQLModel declares it at run time


@dataclass(frozen=True, slots=True)
class SealedColumn:
    """A column of endpoints whose values are sealed."""

    column: Column[Any]
    context_suffix: str = ""
    """The context of a seal is the endpoint's id and this suffix, so that values cannot be exchanged."""

    @property
    def name(self) -> str:
        """Return the name of the column."""
        return str(self.column.name)

    def context(self, endpoint_id: str) -> str:
        """Return the context in which the value of this endpoint was sealed."""
        return endpoint_id + self.context_suffix


SEALED: Final = (
    SealedColumn(_ENDPOINTS.c.secret),
    SealedColumn(_ENDPOINTS.c.previous_secret),
    SealedColumn(_ENDPOINTS.c.secret_headers, " (headers)"),
)
