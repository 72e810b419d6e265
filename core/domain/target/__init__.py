"""Which URLs and addresses may be requested."""

from breakwater.core.domain.target.networks import NONE, Address, AllowedNetworks, address_refusal
from breakwater.core.domain.target.url import Target, parse_endpoint_url, parse_target, safe_url

__all__ = [
    "NONE",
    "Address",
    "AllowedNetworks",
    "Target",
    "address_refusal",
    "parse_endpoint_url",
    "parse_target",
    "safe_url",
]
