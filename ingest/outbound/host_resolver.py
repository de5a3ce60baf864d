"""Resolve a host's name once, within a time."""

import queue
import socket
import threading
import time
from collections.abc import Callable, Sequence

from ingest.outbound.ip_addresses import IpAddress, parse_ip_address

Resolve = Callable[[str, int, float], Sequence[IpAddress]]
"""Gives the addresses of a host and port, within seconds. Raises OSError."""

_MOST_ADDRESSES = 32
_PLACES = threading.BoundedSemaphore(16)  # threads that may hang in the system's resolver at once


def resolve_host(host: str, port: int, seconds: float) -> list[IpAddress]:
    """Ask the system's resolver for the addresses of a host. Raises OSError, TimeoutError.

    The resolver takes no deadline, so it runs in a thread that is left behind when time is over.
    """
    if literal := parse_ip_address(host):
        return [literal]
    outcome: queue.SimpleQueue[list[str] | OSError] = queue.SimpleQueue()
    ends = time.monotonic() + max(0.001, seconds)
    if not _PLACES.acquire(timeout=max(0.001, seconds)):
        raise TimeoutError("too many names are being resolved")

    def ask() -> None:
        try:
            infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            outcome.put([str(info[4][0]) for info in infos])
        except OSError as error:
            outcome.put(error)
        except UnicodeError:
            outcome.put(OSError("the name cannot be asked for"))
        finally:
            _PLACES.release()

    threading.Thread(target=ask, name="resolve", daemon=True).start()
    try:
        result = outcome.get(timeout=max(0.001, ends - time.monotonic()))
    except queue.Empty as error:
        raise TimeoutError("the name was not resolved in time") from error
    if isinstance(result, OSError):
        raise result
    addresses = [parse_ip_address(text) for text in dict.fromkeys(result)]
    return [address for address in addresses if address][:_MOST_ADDRESSES]
