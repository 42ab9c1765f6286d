"""Whether a Dask scheduler listens at an address: Dask itself believes whatever speaks there.

It waits for ever for a peer that is silent, and asks for as much memory as the first eight bytes of an HTTP answer say.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import time

#: A scheduler that listens says first: a length, and in as many bytes who it is, these among them.
_LENGTH = struct.Struct("<Q")
_SAID = b"pickle-protocol"
#: Far more than who it is takes.
_MOST = 1 << 16


def stranger(host: str, port: int, seconds: float) -> str | None:
    """What is wrong with whatever listens at an address, in words that follow the address.

    Args:
        host, port: the address, without TLS.
        seconds: how long it may take to say who it is.

    Returns:
        None where a scheduler does, or nothing can be connected to: whoever connects says so.
    """
    ends = time.monotonic() + seconds
    try:
        peer = socket.create_connection((host, port), timeout=seconds)
    except OSError:
        return None
    with contextlib.closing(peer):
        try:
            (length,) = _LENGTH.unpack(_read(peer, _LENGTH.size, ends))
            said = _read(peer, length, ends) if length <= _MOST else b""
        except TimeoutError:
            return f"sends nothing for {seconds:g} seconds"
        except (OSError, EOFError):
            return "closes the connection without identifying itself"
    return None if _SAID in said else "does not belong to Dask"


def _read(peer: socket.socket, size: int, ends: float) -> bytes:
    """That many bytes, before a time of the monotonic clock; a peer may send one now and then."""
    found = b""
    while len(found) < size:
        left = ends - time.monotonic()
        if left <= 0:
            raise TimeoutError
        peer.settimeout(left)
        more = peer.recv(size - len(found))
        if not more:
            raise EOFError
        found += more
    return found
