"""Formats that are zip archives: checked before anything in them is believed.

Nothing is ever extracted to disk. Sizes are first read from the archive's own list, and then
held against what comes out of it.
"""

import io
import zipfile
import zlib

from lxml import etree

from ingest.errors import Unreadable
from ingest.parse.xml_tree import parse_xml

MOST_ARCHIVE_ENTRIES = 20_000
# All entries, unpacked; most of it pictures, which are never unpacked.
MOST_UNPACKED_BYTES = 1 << 30
MOST_MARKUP = 160 << 20  # all XML and HTML, unpacked; a tree of it takes about eight times as much
MOST_RATIO = 100  # text packs 3 to 20 times, spreadsheets of one value up to 60
FREE_RATIO_BYTES = 1 << 20  # bytes that may be packed at any ratio
_MARKUP = (".xml", ".rels", ".html", ".xhtml", ".htm", ".opf", ".ncx", ".vml")
_STEP = 1 << 20
_ARCHIVE_ERRORS = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    OSError,
    ValueError,
    NotImplementedError,
)


class Archive:
    """A zip archive in memory whose list of contents was checked."""

    def __init__(self, body: bytes) -> None:
        """Open an archive. Raises Unreadable: damaged, encrypted, a bomb, or pointing outside."""
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(body))
        except _ARCHIVE_ERRORS as error:
            raise Unreadable("damaged: its archive cannot be opened") from error
        self._check_entries(len(body))

    @property
    def entry_names(self) -> list[str]:
        """The names of all entries, in the archive's order."""
        return self._zip.namelist()

    def entry_size(self, name: str) -> int:
        """Return the unpacked size of an entry in bytes, as the archive states it."""
        return self._zip.getinfo(name).file_size

    def read_entry(self, name: str) -> bytes:
        """Unpack one entry, no more than its stated size. Raises Unreadable if there is none."""
        try:
            return self._zip.read(name)
        except KeyError as error:
            raise Unreadable(f"damaged: its part {name} is missing") from error
        except (*_ARCHIVE_ERRORS, RuntimeError) as error:
            raise Unreadable(f"damaged: its part {name} cannot be unpacked") from error

    def parse_entry(self, name: str) -> etree._Element:
        """Unpack and parse a part. Raises Unreadable when it is broken or declares entities."""
        return parse_xml(self.read_entry(name), name)

    def _check_entries(self, size: int) -> None:
        entries = self._zip.infolist()
        if len(entries) > MOST_ARCHIVE_ENTRIES:
            raise Unreadable(f"its archive has more than {MOST_ARCHIVE_ENTRIES:,} entries")
        if any(entry.flag_bits & 1 for entry in entries):
            raise Unreadable("encrypted: it asks for a password")
        if any(_points_outside(entry.filename) for entry in entries):
            raise Unreadable("its archive has entries that point outside of it")
        if sum(entry.compress_size for entry in entries) > size:
            raise Unreadable("its archive lies about the sizes of its entries")
        markup = [entry for entry in entries if entry.filename.lower().endswith(_MARKUP)]
        packed = sum(e.compress_size for e in markup)
        unpacked = sum(e.file_size for e in markup)
        whole = sum(entry.file_size for entry in entries)
        if whole > MOST_UNPACKED_BYTES or unpacked > MOST_MARKUP:
            raise Unreadable(f"it unpacks to {max(whole, unpacked) >> 20:,} MB, more than is safe")
        if unpacked > FREE_RATIO_BYTES and unpacked > MOST_RATIO * packed:
            raise Unreadable(f"it unpacks to more than {MOST_RATIO} times its size, like a bomb")
        for entry in markup:
            self._verify_entry(entry)

    def _verify_entry(self, entry: zipfile.ZipInfo) -> None:
        """Unpack an entry piece by piece, and check its size and checksum."""
        size = 0
        try:
            with self._zip.open(entry) as packed:
                while piece := packed.read(_STEP):
                    size += len(piece)
        except (*_ARCHIVE_ERRORS, RuntimeError) as error:
            raise Unreadable("damaged: its archive does not hold what it lists") from error
        if size != entry.file_size:
            raise Unreadable("its archive lies about the sizes of its entries")


def _points_outside(name: str) -> bool:
    parts = name.replace("\\", "/").split("/")
    return ".." in parts or ":" in parts[0]
