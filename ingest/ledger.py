"""What a collection already holds, and what a source would change in it.

The published generation is the ledger: its document table names every document that was taken
in, by an id made of all that decides its text. A second book beside it could only disagree.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import astuple, dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any, Self

from indexes.access_log import intersect_groups
from indexes.documents import Listed
from ingest.document import Raw

_ROOM = Path(__file__).parent
_NO_LIMITS: Mapping[str, frozenset[str]] = {}
_CODE = (  # with the parsers, what decides a document's text and where its chunks end
    *(_ROOM / name for name in ("split.py", "letters.py", "lead.py", "validity.py")),
    *(_ROOM.parent / "indexes" / name for name in ("text.py", "sentence.py", "tokenizer.py")),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What one source would change. The uris of added, changed and unchanged are disjoint.

    changed: same uri, but other bytes, or to be read in another way. unchanged: as held now,
    but for ``groups``: by record id, who may see a document from now on where that is new.
    removed: held, and no longer in the source.
    """

    added: tuple[Raw, ...] = ()
    changed: tuple[Raw, ...] = ()
    unchanged: tuple[Listed, ...] = ()
    removed: tuple[Listed, ...] = ()
    groups: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @property
    def work(self) -> list[Raw]:
        """What is to be parsed, in the order of uris."""
        return sorted((*self.added, *self.changed), key=lambda raw: raw.uri)

    def sparing(self, unseen: Callable[[str], bool]) -> Self:
        """Keep what would be removed, but only cannot be looked at now: it may be there yet."""
        kept = tuple(document for document in self.removed if unseen(document.uri))
        left = tuple(document for document in self.removed if not unseen(document.uri))
        return replace(self, removed=left, unchanged=(*self.unchanged, *kept))

    @property
    def lost(self) -> set[str]:
        """The uris of what goes for good: bytes that come back under another name are not lost."""
        moved = {raw.digest for raw in self.added}
        return {document.uri for document in self.removed if document.digest not in moved}


def way(tokenizer: Path, split: Mapping[str, Any]) -> str:
    """Name the way from bytes to chunks: our code, the splitter's options, its tokenizer.

    Another way makes every document a changed one; texts that come out the same are not
    embedded again, so a new release costs parsing only.
    """
    options = json.dumps(dict(split), sort_keys=True)
    name = f"{options}\x1f{_digest(tokenizer)}\x1f{_code()}"
    return hashlib.sha256(name.encode()).hexdigest()


@cache
def _code() -> str:
    """Name our own code, once: an upgrade under a running process is the next one's to notice."""
    files = (*_CODE, *sorted((_ROOM / "parse").rglob("*.py")))
    return "".join(map(_digest, files))


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def identity(raw: Raw, way: str) -> str:
    """Name a version of a document, and so its chunks, by all that decides them.

    The embedder takes no part: embedding anew keeps every id.
    """
    name = f"{raw.source}\x1f{raw.uri}\x1f{raw.digest}\x1f{way}"
    if raw.validity:
        name += "".join(f"\x1f{part}" for part in astuple(raw.validity))
    return hashlib.sha256(name.encode()).hexdigest()[:32]


def compare(
    files: Iterable[Raw],
    held: Iterable[Listed],
    *,
    way: str,
    groups: frozenset[str] | None,
    limits: Mapping[str, frozenset[str]] = _NO_LIMITS,
) -> Changes:
    """Hold the files of one source against what the collection holds of it.

    groups: who may see the documents from now on; None leaves each as it is. limits: by uri, to
    whom a document is cut down whatever its groups are.
    """

    def limited(document: Listed) -> frozenset[str]:
        wanted = document.groups if groups is None else groups
        return intersect_groups(wanted, limits.get(document.uri, frozenset()))

    before = {document.uri: document for document in held}
    added: list[Raw] = []
    changed: list[Raw] = []
    unchanged: list[Listed] = []
    for raw in files:
        document = before.pop(raw.uri, None)
        if document is None:
            added.append(raw)
        elif document.id == identity(raw, way):
            unchanged.append(document)
        else:
            changed.append(replace(raw, groups=limited(document)))
    return Changes(
        added=tuple(added),
        changed=tuple(changed),
        unchanged=tuple(unchanged),
        removed=tuple(before.values()),
        groups={d.id: limited(d) for d in unchanged if d.groups != limited(d)},
    )


def mass_removal(source: str, *, held: int, lost: int) -> str | None:
    """Say why a job should not go on: it would remove more than half of a source. Else None."""
    if lost * 2 <= held:
        return None
    return (
        f"{source}: {lost} of its {held} documents would be removed. If that is meant, "
        "repeat with --allow-removals."
    )
