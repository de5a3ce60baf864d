"""Read JSON Lines files, in which most public sets come."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def read_json_lines(file: Path) -> Iterator[dict[str, Any]]:
    """Yield the objects of a file, one a line; blank lines are skipped."""
    with file.open(encoding="utf-8") as lines:
        for line in lines:
            if line.strip():
                yield json.loads(line)
