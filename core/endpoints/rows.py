"""Rows of endpoints: new ones, and the columns that a change writes."""

from collections.abc import Mapping
from typing import Final

from sqlalchemy import RowMapping

from breakwater.core.crypto.headers import open_headers, seal_headers
from breakwater.core.crypto.vault import SecretUnreadable, Vault
from breakwater.core.domain.states import SignatureScheme
from breakwater.core.domain.target import parse_target
from breakwater.core.endpoints.fields import Columns, Rules, parse_fields
from breakwater.core.ids import Ids
from breakwater.core.ports import Clock
from breakwater.core.text.credentials import public_names

OVERLAP_SECONDS: Final = 24 * 3600.0
"""How long the previous secret signs beside the new one."""


class EndpointRows:
    """Turns the fields of callers into columns. Secrets are sealed here and nowhere else."""

    def __init__(self, vault: Vault, ids: Ids, clock: Clock, rules: Rules) -> None:
        self._vault = vault
        self._ids = ids
        self._clock = clock
        self.rules = rules

    def new_row(self, columns: Columns, secret: str | None) -> Columns:
        """Return the row of a new endpoint. Without a name it gets the host of its URL."""
        endpoint_id = self._ids.make("ep")
        now = self._clock.now()
        columns = columns | self._stored_headers(endpoint_id, columns)
        del columns["public_headers"]
        return {
            "id": endpoint_id,
            "adhoc_key": None,
            "adhoc_owner": None,
            "state": "enabled",
            "state_reason": None,
            "secret": None if secret is None else self._vault.seal(secret, context=endpoint_id),
            "previous_secret": None,
            "previous_secret_until": None,
            "throttled_until": None,
            "created_at": now,
            "updated_at": now,
            "deleted_at": None,
            **columns,
            "name": columns["name"] or parse_target(columns["url"], self.rules.allowed).host,
        }

    def changed_columns(self, row: RowMapping, fields: Mapping[str, object]) -> Columns:
        """Return the columns that `fields` change on `row`; none when there are none. Raises InvalidInput."""
        columns = parse_fields(fields, self.rules, {**row, **self._opened(row)})
        if not columns:
            return {}
        if "name" in columns:
            columns["name"] = columns["name"] or row["name"]
        if (new_secret := columns.pop("secret", None)) is not None:
            columns |= self._secret_columns(row, new_secret)
        if "headers" in columns:
            columns |= self._stored_headers(row["id"], columns)
            del columns["public_headers"]
        return columns | {"updated_at": self._clock.now()}

    def _opened(self, row: RowMapping) -> Columns:
        """Return the secret and the headers of `row` in clear."""
        sealed = row["secret"]
        return {
            "secret": None if sealed is None else self._vault.open(sealed, context=row["id"]),
            "headers": open_headers(self._vault, row["id"], row["headers"], row["secret_headers"]),
            "public_headers": public_names(row["headers"]),
        }

    def _stored_headers(self, endpoint_id: str, columns: Columns) -> Columns:
        headers, sealed = seal_headers(
            self._vault, endpoint_id, columns["headers"], columns["public_headers"]
        )
        return {"headers": headers, "secret_headers": sealed}

    def rotated_columns(self, row: RowMapping, secret: str) -> Columns:
        """Return the columns of a new secret. Raises InvalidInput for one that the signature cannot use.

        A rotation also replaces a secret that is damaged.
        """
        parse_fields({"secret": secret}, self.rules, {"url": row["url"], "signature": row["signature"]})
        return self._secret_columns(row, secret)

    def _secret_columns(self, row: RowMapping, secret: str) -> Columns:
        """Return the columns of a new secret.

        The previous one signs too for a day, if it can be opened and the signature has room for both.
        """
        now = self._clock.now()
        overlaps = SignatureScheme(row["signature"]).signs_with_both and self._opens(row)
        previous = row["secret"] if overlaps else None
        return {
            "secret": self._vault.seal(secret, context=row["id"]),
            "previous_secret": previous,
            "previous_secret_until": None if previous is None else now + OVERLAP_SECONDS,
            "updated_at": now,
        }

    def _opens(self, row: RowMapping) -> bool:
        try:
            return row["secret"] is not None and bool(self._vault.open(row["secret"], context=row["id"]))
        except SecretUnreadable:
            return False
