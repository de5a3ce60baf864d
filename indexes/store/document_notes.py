"""What a person should know of how documents were taken in: one small file of a segment.

A note says what a parser saw in a document and did not keep. Notes belong to a document as its
text does, so they lie in its segment, go with it into a merged one, and cost a publish nothing.
A segment without notes has no file of them, as those of older versions have none.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from indexes.errors import IndexDamaged
from indexes.store.paths import read_plain
from indexes.store.strict_json import check_text, parse_json

NOTES_FILE = "notes.json"
MOST_NOTES = 100  # of one document that are kept
LONGEST_NOTE = 1_000  # characters
_MOST_BYTES = 256 << 20
NotesById = Mapping[str, tuple[str, ...]]
_NO_NOTES: NotesById = {}


def trim_notes(notes: Sequence[str]) -> tuple[str, ...]:
    """Return the notes of a document that are kept; the last one counts those that are not.

    >>> trim_notes(["1 picture was not read"])
    ('1 picture was not read',)
    >>> trim_notes(["a note"] * 150)[-1], len(trim_notes(["a note"] * 150))
    ('51 more notes were not kept', 100)
    """
    if len(notes) > MOST_NOTES:
        rest = len(notes) - MOST_NOTES + 1
        notes = (*notes[: MOST_NOTES - 1], f"{rest:,} more notes were not kept")
    return tuple(map(_trim_note, notes))


def _trim_note(note: str) -> str:
    # A parser that read a hostile file wrote it: no line end, no escape of a terminal gets through.
    plain = "".join(sign if sign.isprintable() else " " for sign in note[: 2 * LONGEST_NOTE])
    return plain if len(plain) <= LONGEST_NOTE else f"{plain[: LONGEST_NOTE - 1]}…"


def write_notes(folder: Path, notes: NotesById) -> None:
    """Write the notes of a segment's documents, by the documents' ids; nothing where are none."""
    if not notes:
        return
    listed = {identity: list(texts) for identity, texts in sorted(notes.items())}
    with (folder / NOTES_FILE).open("x", encoding="utf-8") as out:
        json.dump(listed, out, ensure_ascii=False, indent=0)


def read_notes(folder: Path) -> NotesById:
    """Read the notes of a segment's documents. Raises IndexDamaged where they are none of ours."""
    file = folder / NOTES_FILE
    try:
        return dict(_parse_notes(read_plain(file, most=_MOST_BYTES)))
    except FileNotFoundError:
        return _NO_NOTES
    except (ValueError, TypeError, AttributeError) as error:
        raise IndexDamaged(f"{file} holds no notes of ours: {error}.") from error


def _parse_notes(body: bytes) -> Iterator[tuple[str, tuple[str, ...]]]:
    content: Any = parse_json(body, most=_MOST_BYTES, values=_MOST_BYTES)
    for identity, notes in content.items():
        if not isinstance(notes, list) or not 0 < len(notes) <= MOST_NOTES:
            raise ValueError(f"{check_text(identity)[:40]} has notes that are none")
        yield identity, tuple(check_text(note, most=LONGEST_NOTE) for note in notes)
