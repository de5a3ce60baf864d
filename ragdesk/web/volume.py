"""The folder of all collections, which may be on a disk that comes and goes.

An unmounted disk leaves its mount point, an empty folder. That must not be taken for a desk whose
collections were all removed, and nothing may be written there: the mounted disk would hide it.
"""

import errno
from pathlib import Path

GONE = (
    "The folder of the collections was there, and is gone. Mount its disk again, "
    "or restart the server if you removed it"
)


class CollectionsVolume:
    """The folder of all collections, recognised by its device and inode."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._identity: tuple[int, int] | None = None

    def check(self) -> None:
        """Raise OSError when the folder that was there is gone, or cannot be looked at now.

        An empty folder in its place is none; one that holds something is believed, as operators
        move whole homes.
        """
        try:
            status = self._folder.stat()
        except FileNotFoundError:
            if self._identity is None:  # a new home: the first publish makes it
                return
            raise OSError(errno.EIO, GONE) from None
        identity = status.st_dev, status.st_ino
        if self._identity not in (None, identity) and not any(self._folder.iterdir()):
            raise OSError(errno.EIO, GONE)
        self._identity = identity
