"""What a package keeps of persons: how that is exported, and how it is erased."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from ragdesk.support.encryption import TextCipher

ExportRows = Callable[[Connection, TextCipher, str], list[dict[str, Any]]]
EraseRows = Callable[[Connection, str], int]


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonalDataSource:
    """One kind of thing that is kept of persons, such as conversations.

    export: given a connection, what opens its texts, and a person, everything as plain JSON
    values. erase: deletes it, or takes the person out of it, and returns how many rows that were.
    """

    name: str
    export: ExportRows
    erase: EraseRows
