"""Start LibreOffice with limits and without network: ``python -m ingest.sandbox.office_launcher``.

It opens files of strangers, fetches what these link to, and starts programs of its own. So the
process limits itself first, lets the kernel refuse every socket but local ones (seccomp, which asks
for no privilege), and then becomes LibreOffice. It is for Linux only; elsewhere nothing like it is.
"""

import ctypes
import os
import platform
import resource
import signal
import struct
import sys
from collections.abc import Sequence
from typing import NoReturn

NO_ISOLATION = 77  # the exit code where the network cannot be refused
MOST_MEMORY = 2 << 30  # bytes of address space; about 1 GiB is mapped for a short text
MOST_SECONDS = 120  # of computing
LARGEST_FILE = 512 << 20  # bytes of a file that it may write
MOST_OPEN_FILES = 256

_DIE_WITH_PARENT, _NO_NEW_PRIVILEGES, _SET_SECCOMP, _FILTER = 1, 38, 22, 2  # of prctl(2)
_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06  # instructions of a filter
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16  # where they lie in what a filter is shown
_ALLOW, _KILL, _REFUSE, _MISSING = 0x7FFF0000, 0x80000000, 0x0005000D, 0x00050026  # EACCES, ENOSYS
_LOCAL_SOCKET = 1  # AF_UNIX
_IO_URING_SETUP = 425  # a way to open sockets that no filter sees
_FOREIGN_CALLS = 0x40000000  # of x86-64: calls of another table
# By machine: its number for the kernel, and that of socket(2).
_MACHINES = {"x86_64": (0xC000003E, 41), "aarch64": (0xC00000B7, 198)}


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("steps", ctypes.c_void_p)]


def make_socket_filter(machine: str) -> bytes | None:
    """Return the filter that refuses sockets but local ones; None for a machine not known here."""
    if machine not in _MACHINES:
        return None
    architecture, socket_call = _MACHINES[machine]
    steps = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_EQUAL, 1, 0, architecture),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER),
        (_AT_LEAST, 0, 1, _FOREIGN_CALLS),
        (_RETURN, 0, 0, _KILL),
        (_EQUAL, 0, 1, _IO_URING_SETUP),
        (_RETURN, 0, 0, _MISSING),
        (_EQUAL, 1, 0, socket_call),
        (_RETURN, 0, 0, _ALLOW),
        (_LOAD, 0, 0, _FIRST_ARGUMENT),
        (_EQUAL, 0, 1, _LOCAL_SOCKET),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _REFUSE),
    ]
    return b"".join(struct.pack("=HBBI", *step) for step in steps)


def refuse_network() -> bool:
    """Let this process and what it starts open local sockets only; False where that cannot be."""
    steps = make_socket_filter(platform.machine()) if sys.platform == "linux" else None
    if steps is None:
        return False
    memory = ctypes.create_string_buffer(steps, len(steps))
    program = _Program(len(steps) // 8, ctypes.cast(memory, ctypes.c_void_p))
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    if prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0):
        return False
    return not prctl(_SET_SECCOMP, _FILTER, ctypes.byref(program), 0, 0)


def limit_process() -> None:
    """Limit memory, computing time and files of this process, and let it die with its parent."""
    ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL)
    for name, value in (
        (resource.RLIMIT_AS, MOST_MEMORY),
        (resource.RLIMIT_CPU, MOST_SECONDS),
        (resource.RLIMIT_FSIZE, LARGEST_FILE),
        (resource.RLIMIT_NOFILE, MOST_OPEN_FILES),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(name)[1]
        least = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(name, (least, least))


def main(command: Sequence[str]) -> NoReturn:
    """Become the program of a command; exits with NO_ISOLATION where it could reach the network."""
    if sys.platform != "linux" or not refuse_network():
        sys.exit(NO_ISOLATION)
    limit_process()
    os.execv(command[0], list(command))  # noqa: S606 - no shell: a list of ours


if __name__ == "__main__":
    main(sys.argv[1:])
