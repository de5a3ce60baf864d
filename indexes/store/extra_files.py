"""Small files beside a collection's generations that the rooms above keep there.

This room does not know what they say: whoever keeps one hands over its name and how to check it,
so that verifying finds it changed, and a backup holds it.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from indexes.errors import IndexDamaged
from indexes.store.paths import read_plain
from indexes.store.strict_json import parse_json

_MOST = 4 << 20  # bytes of one


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtraFile:
    """A JSON file of a room above, in the folder of a collection.

    name: of the file. check: raises ValueError, KeyError, TypeError or AttributeError for content
    that was changed or is none of ours. is_newer_here: whether a restore leaves the collection's
    own in place; else the backup's takes its place, and one that the backup lacks is removed.
    """

    name: str
    check: Callable[[Any], None]
    is_newer_here: bool


def list_file_problems(folder: Path, extra_files: Sequence[ExtraFile]) -> Iterator[str]:
    """List the files beside the generations of a collection that are malformed.

    Raises OSError.
    """
    for extra_file in extra_files:
        file = folder / extra_file.name
        if not file.exists():
            continue
        try:
            extra_file.check(parse_json(read_plain(file, most=_MOST), most=_MOST))
        except IndexDamaged as error:
            yield str(error)
        except (ValueError, KeyError, TypeError, AttributeError):
            yield f"{file} was changed, or is none of ours. Put its backup in place."
