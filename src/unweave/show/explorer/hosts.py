"""By which names and addresses the explorer may be called."""

import ipaddress
import socket
from collections.abc import Collection

LOCAL = ("127.0.0.1", "localhost", "::1")
ANY = "*"  # stands for every address, and for no name: a foreign site could point its own here


def hosts_of(listening: str) -> tuple[str, ...]:
    """What a server that listens at this address may be called besides `LOCAL`.

    >>> hosts_of("192.0.2.7")
    ('192.0.2.7',)
    """
    if listening in ("0.0.0.0", "::"):
        return (ANY, socket.gethostname().lower(), socket.getfqdn().lower())
    return (listening.lower(),)


def is_ours(header: str, hosts: Collection[str]) -> bool:
    """Whether a Host header names one of `hosts`, at whatever port.

    >>> is_ours("LOCALHOST:8000", LOCAL), is_ours("[::1]:8000", LOCAL), is_ours("evil.example", LOCAL)
    (True, True, False)
    >>> is_ours("192.0.2.7:80", [ANY]), is_ours("evil.example", [ANY])
    (True, False)
    """
    name = _name(header)
    if name in hosts:
        return True
    if ANY not in hosts:
        return False
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _name(header: str) -> str:
    """The name or address without port and brackets."""
    if header.startswith("["):
        return header[1:].partition("]")[0].lower()
    return header.lower() if header.count(":") > 1 else header.partition(":")[0].lower()
