"""Small files of a collection beside its generations, which others may have written.

``sources.json`` says who may see what comes to a source, so it carries a sum: one changed letter
in the name of a group would show documents to others. Homes of old have none, until it is written
again.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from indexes.errors import IndexDamaged
from indexes.store.paths import read_plain
from indexes.store.strict_json import check_text, parse_json

SOURCES_FILE, CALIBRATION_FILE = "sources.json", "calibration.json"
_SEALED = frozenset({"format", "sources", "checksum"})
_MOST = 4 << 20  # bytes of one
_HEAVIEST = 1e9  # of a calibration's weights


def seal_facts(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return facts with a checksum over them."""
    return {**facts, "checksum": _facts_checksum(facts)}


def check_facts_seal(facts: Mapping[str, Any]) -> None:
    """Compare remembered sources with their checksum, if they have one. Raises ValueError."""
    if not facts.keys() <= _SEALED:
        raise ValueError("it says what no sources.json of ours does")
    known = {name: value for name, value in facts.items() if name != "checksum"}
    if "checksum" in facts and facts["checksum"] != _facts_checksum(known):
        raise ValueError("its checksum is wrong")


def list_file_problems(folder: Path) -> Iterator[str]:
    """List the files beside the generations of a collection that are malformed.

    Raises OSError.
    """
    for name, check_facts in NAMES.items():
        file = folder / name
        if not file.exists():
            continue
        try:
            check_facts(parse_json(read_plain(file, most=_MOST), most=_MOST))
        except IndexDamaged as error:
            yield str(error)
        except (ValueError, KeyError, TypeError, AttributeError):
            yield f"{file} was changed, or is none of ours. Put its backup in place."


def _check_sources(values: Any) -> None:
    check_facts_seal(values)
    for name, source in values["sources"].items():
        check_text(name), check_text(source["prefix"])
        groups, always = source["groups"], source["always"]
        if type(always) is not bool or not isinstance(groups, list):
            raise ValueError(name)
        for group in groups:
            check_text(group)


def _check_calibration(values: Any) -> None:
    sketch = values.get("sketch", [])
    if not isinstance(sketch, list) or "*" not in values["groups"]:
        raise ValueError("no sketch, or nothing for every language")
    for group in values["groups"].values():
        for value in (group["intercept"], group["floor"], *group["weights"].values()):
            if type(value) not in {int, float} or abs(value) > _HEAVIEST:
                raise ValueError("a weight is no number")


NAMES: Mapping[str, Callable[[Any], None]] = {
    SOURCES_FILE: _check_sources,
    CALIBRATION_FILE: _check_calibration,
}


def _facts_checksum(facts: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
