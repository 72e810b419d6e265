"""Host names that an operator allows although they are not full public names."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

SETTING: Final = "BREAKWATER_ALLOWED_HOST_NAMES"

_NAME: Final = re.compile(r"(?:\*?\.)?[a-z0-9_](?:[a-z0-9_.-]{0,251}[a-z0-9_])?")


@dataclass(frozen=True, slots=True)
class AllowedHostNames:
    """Names such as `billing` and domains such as `.corp.local`. Their addresses are checked as always."""

    names: frozenset[str] = frozenset()
    domains: tuple[str, ...] = ()
    """Each with a leading dot."""

    @classmethod
    def parse(cls, items: Iterable[str]) -> "AllowedHostNames":
        """Parse names, and domains with a leading `.` or `*.`. Raises ValueError."""
        names, domains = set[str](), list[str]()
        for item in items:
            name = item.lower().removesuffix(".")
            if not _NAME.fullmatch(name):
                raise ValueError(
                    f"{item!r} is not a host name; write a name such as billing, or a domain such as .corp.local"
                )
            if name.startswith((".", "*.")):
                domains.append(name.removeprefix("*"))
            else:
                names.add(name)
        return cls(frozenset(names), tuple(domains))

    def allows(self, host: str) -> bool:
        """Return whether `host`, in canonical form, is one of the names or below one of the domains."""
        return host in self.names or host.endswith(self.domains)


NO_HOST_NAMES: Final = AllowedHostNames()
