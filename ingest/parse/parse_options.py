"""What an operator may choose of how documents are parsed."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class ParseOptions:
    """What of documents is read; the next ingest reads all of them again after a change.

    hidden_cells: read hidden sheets, rows and columns of workbooks too. They are left out, with a
        note, as they often hold what readers are not to see; a filter hides rows as well.
    comments: read the comments on Word documents and slides too, each with who wrote it. They are
        left out, with a note, as they are drafts and questions; those on cells are always read.
    """

    hidden_cells: bool = False
    comments: bool = False

    def list_changes(self) -> Mapping[str, Any]:
        """Return the options that are not as they come.

        >>> ParseOptions().list_changes(), ParseOptions(hidden_cells=True).list_changes()
        ({}, {'hidden_cells': True})
        """
        usual = asdict(ParseOptions())
        return {name: value for name, value in asdict(self).items() if value != usual[name]}
