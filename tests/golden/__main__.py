"""``python -m tests.golden --write``: store the outputs of now, where their numbers were raised.

It refuses, and writes nothing, where an output changed and its version is not higher than the
stored one: the documents or words of every collection would stay as they were.
"""

import argparse
import json
import sys
from collections.abc import Sequence

from tests.golden.current_outputs import GoldenCase, list_cases

WRITE = "python -m tests.golden --write"


def find_problem(case: GoldenCase) -> str | None:
    """Say what is wrong where what is made now is not what is stored, or None."""
    stored, current = case.read_stored(), case.current()
    if stored == current:
        return None
    if stored["output"] == current["output"] or current["version"] > stored["version"]:
        return f"{case.name}: its version or output is new, and not stored. Run: {WRITE}"
    return (
        f"{case.name}: what it makes has changed, and its version has not. If that is meant, raise "
        f"{case.place} (now {current['version']}), then run: {WRITE}"
    )


def write_outputs(cases: Sequence[GoldenCase]) -> list[str]:
    """Store all that changed; returns why nothing was, where a number was not raised."""
    refusals = []
    changed = []
    for case in cases:
        stored, current = case.read_stored(), case.current()
        if stored != current:
            changed.append((case, current))
        if stored["output"] != current["output"] and current["version"] <= stored["version"]:
            refusals.append(
                f"{case.name}: refused, as its version is still {current['version']}. "
                f"Raise {case.place} first."
            )
    if refusals:
        return refusals
    for case, current in changed:
        text = json.dumps(current, ensure_ascii=False, indent=1)
        case.file.write_text(f"{text}\n", encoding="utf-8")
    return []


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.golden", description=__doc__)
    parser.add_argument("--write", action="store_true", help="store the outputs of now")
    write = parser.parse_args(arguments).write
    cases = list_cases()
    problems = (
        write_outputs(cases) if write else [text for case in cases if (text := find_problem(case))]
    )
    sys.stdout.writelines(f"{problem}\n" for problem in problems)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
