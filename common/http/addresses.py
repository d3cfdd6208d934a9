"""Which addresses an outbound request may connect to: public ones, and the networks an operator allowed."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from django.core.exceptions import ImproperlyConfigured

Network = IPv4Network | IPv6Network

# NAT64 carries an IPv4 address in its last 32 bits.
NAT64 = IPv6Network("64:ff9b::/96")


@lru_cache(maxsize=32)
def parse_networks(texts: tuple[str, ...]) -> tuple[Network, ...]:
    """`("127.0.0.0/8", "10.1.2.3")` as networks; ImproperlyConfigured names the entry that is none."""
    networks: list[Network] = []
    for text in texts:
        try:
            networks.append(ip_network(text, strict=False))
        except ValueError:
            raise ImproperlyConfigured(
                f"ENGAGE_ALLOWED_NETWORKS: {text!r} is not an IP address or network such as 10.0.0.0/8."
            ) from None
    return tuple(networks)


def _embedded(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that this IPv6 address stands for, if any."""
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address in NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return None


def is_allowed(text: str, networks: Sequence[Network]) -> bool:
    """May we connect to this IP address? Anything that is not a plain address is refused."""
    try:
        address: IPv4Address | IPv6Address = ip_address(text.partition("%")[0])
    except ValueError:
        return False
    if isinstance(address, IPv6Address):
        address = _embedded(address) or address
    if any(address.version == network.version and address in network for network in networks):
        return True
    return address.is_global and not address.is_multicast and not address.is_reserved
