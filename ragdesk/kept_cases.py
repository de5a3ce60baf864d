"""Cases that people kept of a collection: ``cases.jsonl`` beside its generations.

They are in the format of ``ragdesk eval``, which runs and checks the file as it stands. Evidence is
a quote, so it is found again whatever becomes of the chunks.
"""

import json
import os
import threading
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Final

from eval.case import Case, read_case_lines
from indexes.store import durability, locks
from ragdesk.errors import Invalid, NotFound

CASES_FILE: Final = "cases.jsonl"
MOST_KEPT_CASES: Final = 10_000
_lock = threading.Lock()  # one writer of this process at a time


def read_kept_cases(folder: Path) -> list[Case]:
    """Read the cases of a collection's folder, oldest first. Raises Invalid for a broken file."""
    try:
        return list(read_case_lines(folder / CASES_FILE))
    except FileNotFoundError:
        return []
    except ValueError as error:
        raise Invalid(f"A line of {CASES_FILE} is no case. Mend it, or remove the file.") from error


def keep_case(folder: Path, case: Case) -> None:
    """Append a case to those of a collection. Raises Invalid where there are too many."""
    with _lock:
        if len(read_kept_cases(folder)) >= MOST_KEPT_CASES:
            raise Invalid(f"There are {MOST_KEPT_CASES:,} cases. Remove some first.")
        with (folder / CASES_FILE).open("ab") as file:
            file.write(format_case_lines([case]))
            file.flush()
            os.fsync(file.fileno())


def remove_kept_case(folder: Path, name: str) -> None:
    """Remove a case by its id. Raises NotFound, and CollectionBusy while a job runs."""
    # A job sweeps unfinished files, of which the new list is one for a moment.
    with _lock, locks.lock_collection(folder):
        cases = read_kept_cases(folder)
        others = [case for case in cases if case.id != name]
        if len(others) == len(cases):
            raise NotFound("No such case.")
        durability.replace_file(folder / CASES_FILE, format_case_lines(others))


def format_case_lines(cases: Iterable[Case]) -> bytes:
    """Write cases as lines of JSON, as ``ragdesk eval`` reads them."""
    lines = (json.dumps(asdict(case), ensure_ascii=False) for case in cases)
    return "".join(f"{line}\n" for line in lines).encode()
