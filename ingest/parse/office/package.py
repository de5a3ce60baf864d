"""Open office documents as packages: parts, their relations, their properties.

Names are matched without their namespace, so that strict documents (ISO 29500) read like the
usual ones.
"""

import posixpath
from collections.abc import Iterator

from ingest.errors import Unreadable
from ingest.parse.xml_tree import Element, local_name, read_attribute
from ingest.parse.zip_archive import Archive


class Package:
    """An office document: its archive and the part that holds its content."""

    def __init__(self, body: bytes) -> None:
        """Open a package. Raises Unreadable when it is none, or no safe one."""
        self.archive = Archive(body)
        self._names = set(self.archive.entry_names)
        self.main = next(self.find_related("", "officeDocument"), "")
        if not self.main:
            raise Unreadable("damaged: it names no document part")

    def find_related(self, part: str, kind: str) -> Iterator[str]:
        """Yield the parts of one kind that a part refers to; "" is the package itself."""
        return (target for of, target in self.read_relations(part).values() if of == kind)

    def read_relations(self, part: str) -> dict[str, tuple[str, str]]:
        """Map relation ids of a part to (kind, name of the target part); outside targets go."""
        folder, name = posixpath.split(part)
        file = posixpath.join(folder, "_rels", f"{name}.rels")
        if file not in self._names:
            return {}
        targets = {}
        for node in self.archive.parse_entry(file):
            target = node.get("Target", "")
            if node.get("TargetMode") == "External" or not target:
                continue
            path = posixpath.normpath(posixpath.join("/", folder, target)).lstrip("/")
            targets[node.get("Id", "")] = (node.get("Type", "").rpartition("/")[2], path)
        return targets

    def read_addresses(self, part: str) -> dict[str, str]:
        """Map relation ids of a part to the addresses that its hyperlinks lead to."""
        folder, name = posixpath.split(part)
        file = posixpath.join(folder, "_rels", f"{name}.rels")
        if file not in self._names:
            return {}
        return {
            node.get("Id", ""): node.get("Target", "")
            for node in self.archive.parse_entry(file)
            if node.get("TargetMode") == "External"
            and node.get("Type", "").rpartition("/")[2] == "hyperlink"
        }

    def parse_part(self, kind: str) -> Element | None:
        """Parse the part of a kind that the document refers to, if it has one."""
        name = next(self.find_related(self.main, kind), "")
        return self.archive.parse_entry(name) if name in self._names else None

    def has_part(self, name: str) -> bool:
        """Tell whether the package has a part."""
        return name in self._names

    def find_title(self) -> str:
        """Return the title among the document's properties, if it says anything."""
        name = next(self.find_related("", "core-properties"), "")
        if name not in self._names:
            return ""
        titles = (
            node.text or ""
            for node in self.archive.parse_entry(name)
            if local_name(node) == "title"
        )
        title = next(titles, "").strip()
        return "" if title.lower() in _UNTITLED or title.startswith("Microsoft ") else title


_UNTITLED = frozenset(
    {"untitled", "document1", "powerpoint presentation", "presentation1", "title"}
)


def is_on(node: Element | None) -> bool:
    """Read a switch: present means on, unless it says otherwise."""
    return node is not None and read_attribute(node) not in {"0", "false", "off", "none"}
