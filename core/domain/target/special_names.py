"""Host names that no endpoint can have, because a standard or a cloud provider gives them another meaning.

`.test` and `.example` (RFC 6761) are not among them: they resolve like any other name where somebody defines them.
`.cluster.local` is not either: Kubernetes serves it by ordinary DNS, although RFC 6762 reserves `.local`.
"""

from typing import Final

from breakwater.core.domain.target.host_names import AllowedHostNames

_SPECIAL_DOMAINS: Final = {
    "localhost": "names under .localhost mean this machine itself (RFC 6761)",
    "invalid": "names under .invalid never resolve (RFC 6761)",
    "local": "names under .local belong to multicast DNS on one link (RFC 6762)",
    "onion": "names under .onion are reached through Tor only (RFC 7686)",
    "alt": "names under .alt are outside the DNS (RFC 9476)",
}
_UNICAST_DOMAINS: Final = (".cluster.local",)
"""Below a special domain, and yet served by ordinary DNS."""

_METADATA_NAMES: Final = frozenset(
    {
        "metadata",
        "metadata.google.internal",
        "metadata.goog",
        "instance-data",
        "instance-data.ec2.internal",
        "metadata.azure.internal",
        "metadata.tencentyun.com",
        "api.metadata.cloud.ibm.com",
        "metadata.packet.net",
    }
)
"""Where cloud providers hand out the credentials of the machine that asks."""


def special_name_reason(host: str, allowed: AllowedHostNames) -> str | None:
    """Return why `host`, in canonical form, is special by definition; None for an ordinary name.

    What an operator allows is ordinary, except a metadata service.
    """
    if host in _METADATA_NAMES:
        return "it is the metadata service of a cloud provider, which hands out credentials"
    if host.endswith(_UNICAST_DOMAINS) or allowed.allows(host):
        return None
    return _SPECIAL_DOMAINS.get(host.rpartition(".")[2])
