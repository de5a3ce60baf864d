"""The document table of an older generation, as it may be seen now: see ``access_log``."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Self

from indexes.access_log import NOBODY, Access
from indexes.chunk import Filter
from indexes.documents import Documents, Listed

_Ranges = list[tuple[str, int, int]]


class RestrictedDocuments(Documents):
    """Reads a document table without what is gone, and with the groups of now.

    access: what is different from the table. Methods are those of Documents.
    """

    def __init__(self, file: Path, access: Access) -> None:
        super().__init__(file)
        try:
            self._look_up(access)
        except BaseException:
            self.close()
            raise

    @classmethod
    def over(cls, table: Documents, access: Access) -> Self:
        """Read a table that is open already; whoever opened it closes it, after this one's end."""
        view = cls.__new__(cls)
        view.__dict__.update(vars(table))
        view._look_up(access)  # noqa: SLF001, of its own kind
        return view

    def _look_up(self, access: Access) -> None:
        """Find the documents that are gone, and those that others may see now."""
        self._access, look_up = access, super().at
        found = [look_up(*place) for place in sorted(access.removed)]
        moved = [look_up(*place) for place in sorted({*access.groups, *access.limits})]
        self._gone = [document for document in found if document]
        self._moved = [replace(d, groups=access.effective_groups(d)) for d in moved if d]

    @property
    def removed(self) -> _Ranges:
        """Give segment, first row and number of rows of what is gone."""
        return [_range(document) for document in self._gone]

    def all(self) -> Iterator[Listed]:
        """Give every document that is left, by uri."""
        yield from self._now(super().all())

    def named(self, uri: str) -> list[Listed]:
        """Give the documents of a uri, whatever their source."""
        return list(self._now(super().named(uri)))

    def by_id(self, identity: str) -> Listed | None:
        """Give the document of an id, or None."""
        return self._one(super().by_id(identity))

    def at(self, source: str, uri: str) -> Listed | None:
        """Give the document of a uri in a source, or None."""
        return self._one(super().at(source, uri))

    def within(self, segments: Iterable[str]) -> Iterator[Listed]:
        """Give every document that is left and lies in one of some segments."""
        yield from self._now(super().within(segments))

    def counts(self) -> dict[str, int]:
        """Count the documents of each segment that are left."""
        counts = super().counts()
        for document in self._gone:
            counts[document.segment] -= 1
        return counts

    def where(self, asked: Filter) -> _Ranges:
        """Give the ranges of every document a filter lets through now."""
        if asked.groups is not None and self._access.closed:
            return []
        other = {_range(document) for document in [*self._gone, *self._moved]}
        found = [one for one in super().where(asked) if one not in other]
        if not self._moved:
            return found
        anyone = set(super().where(replace(asked, groups=None)))
        seen_by = [d for d in self._moved if _open(d, asked) and _range(d) in anyone]
        return [*found, *map(_range, seen_by)]

    def _now(self, listed: Iterable[Listed]) -> Iterator[Listed]:
        for document in listed:
            if left := self._one(document):
                yield left

    def _one(self, document: Listed | None) -> Listed | None:
        if document is None or (document.source, document.uri) in self._access.removed:
            return None
        if self._access.closed:
            return replace(document, groups=NOBODY)
        groups = self._access.effective_groups(document)
        return document if groups == document.groups else replace(document, groups=groups)


def _open(document: Listed, asked: Filter) -> bool:
    return asked.groups is None or not document.groups or bool(document.groups & asked.groups)


def _range(document: Listed) -> tuple[str, int, int]:
    return document.segment, document.first, document.count
