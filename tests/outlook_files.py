"""Writes Outlook messages: compound files (MS-CFB) with the streams that a message has."""

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field

Tree = Mapping[str, "bytes | Tree"]
_SECTOR, _SMALL, _CUTOFF = 512, 64, 4096
_FREE, _END, _FAT = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD
_NONE = 0xFFFFFFFF
_SENT = 134_168_400_000_000_000  # 2026-03-01 in units of 100 ns since 1601


def message_tree(  # noqa: PLR0913 - each is another part of a message
    subject: str,
    text: str,
    *,
    files: Mapping[str, bytes] | None = None,
    messages: tuple[Tree, ...] = (),
    markup: bytes = b"",
    header: int = 32,
) -> Tree:
    """Return the streams of a message. header: 32 bytes before its properties, 24 inside another."""
    sent = struct.pack("<IIQ", 0x00390040, 6, _SENT)
    tree: dict[str, bytes | Tree] = {
        "__properties_version1.0": bytes(header) + sent,
        "__nameid_version1.0": {"__substg1.0_00020102": b""},
        **strings({0x0037: subject, 0x0C1A: "Ann Lee", 0x0C1F: "ann@shop.example"}),
    }
    if text:
        tree |= strings({0x1000: text})
    if markup:
        tree["__substg1.0_10130102"] = markup
    for number, (name, body) in enumerate((files or {}).items()):
        tree[f"__attach_version1.0_#{number:08X}"] = {
            "__properties_version1.0": bytes(8),
            "__substg1.0_37010102": body,
            **strings({0x3707: name}),
        }
    for number, inner in enumerate(messages, start=len(files or {})):
        tree[f"__attach_version1.0_#{number:08X}"] = {
            "__properties_version1.0": bytes(8),
            "__substg1.0_3701000D": inner,
        }
    return tree


def strings(values: Mapping[int, str]) -> dict[str, bytes]:
    return {f"__substg1.0_{number:04X}001F": v.encode("utf-16-le") for number, v in values.items()}


@dataclass(slots=True)
class _Entry:
    name: str
    kind: int  # 1 a storage, 2 a stream, 5 the root
    body: bytes = b""
    child: int = _NONE
    right: int = _NONE
    start: int = _END


@dataclass(slots=True)
class _Writer:
    entries: list[_Entry] = field(default_factory=lambda: [_Entry("Root Entry", 5)])
    sectors: list[bytes] = field(default_factory=list)
    fat: list[int] = field(default_factory=list)
    small: bytearray = field(default_factory=bytearray)
    small_fat: list[int] = field(default_factory=list)

    def add_tree(self, parent: int, tree: Tree) -> None:
        last = None
        for name, content in tree.items():
            index = len(self.entries)
            self.entries.append(_Entry(name, 2 if isinstance(content, bytes) else 1))
            if last is None:
                self.entries[parent].child = index
            else:
                self.entries[last].right = index
            last = index
            if isinstance(content, bytes):
                self.entries[index].body = content
                self.entries[index].start = self.add_stream(content)
            else:
                self.add_tree(index, content)

    def add_stream(self, body: bytes) -> int:
        if not body:
            return _END
        if len(body) >= _CUTOFF:
            return self.add_sectors(body)
        first = len(self.small_fat)
        count = -(-len(body) // _SMALL)
        self.small += body.ljust(count * _SMALL, b"\0")
        self.small_fat += [*range(first + 1, first + count), _END]
        return first

    def add_sectors(self, body: bytes) -> int:
        first = len(self.sectors)
        count = -(-len(body) // _SECTOR)
        self.sectors += [
            body[n * _SECTOR : (n + 1) * _SECTOR].ljust(_SECTOR, b"\0") for n in range(count)
        ]
        self.fat += [*range(first + 1, first + count), _END]
        return first


def outlook_file(tree: Tree) -> bytes:
    """Write a compound file of storages and streams."""
    writer = _Writer()
    writer.add_tree(0, tree)
    root = writer.entries[0]
    root.body = bytes(writer.small)
    root.start = writer.add_sectors(root.body) if root.body else _END
    table = struct.pack(f"<{len(writer.small_fat)}I", *writer.small_fat)
    small_start = writer.add_sectors(table.ljust(-(-len(table) // _SECTOR) * _SECTOR, b"\xff"))
    small_count = -(-len(table) // _SECTOR)
    directory = b"".join(map(_pack_entry, writer.entries))
    directory_start = writer.add_sectors(directory)
    fat_count = 1
    while fat_count * 128 < len(writer.fat) + fat_count:
        fat_count += 1
    fat_start = len(writer.sectors)
    numbers = [*writer.fat, *[_FAT] * fat_count]
    numbers += [_FREE] * (fat_count * 128 - len(numbers))
    fat = struct.pack(f"<{len(numbers)}I", *numbers)
    places = [*range(fat_start, fat_start + fat_count), *[_FREE] * (109 - fat_count)]
    header = struct.pack(
        "<8s16sHHHHH6xIIIIIIIII109I",
        *(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", bytes(16), 0x3E, 3, 0xFFFE, 9, 6),
        *(0, fat_count, directory_start, 0, _CUTOFF, small_start, small_count, _END, 0),
        *places,
    )
    return header.ljust(_SECTOR, b"\0") + b"".join(writer.sectors) + fat


def _pack_entry(entry: _Entry) -> bytes:
    name = entry.name.encode("utf-16-le")
    return struct.pack(
        "<64sHBBIII16xI8x8xIQ",
        *(name, len(name) + 2, entry.kind, 1, _NONE, entry.right, entry.child, 0),
        *(entry.start, len(entry.body)),
    )
