"""Say how formulas are computed that are not computed here; what a parser asks for, as values."""

from dataclasses import dataclass
from typing import Literal

FORMULAS_VERSION = 1  # raise it where LibreOffice is given other formulas: workbooks are read again

RecalculationState = Literal["unwanted", "missing", "ask", "done", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recalculation:
    """How formulas are computed that are not computed here.

    state: ``unwanted``; ``missing``, there is no LibreOffice Calc; ``ask``, it must be asked first;
    ``done``, ``copy`` is what it made; ``failed``, with the reason.
    """

    state: RecalculationState = "unwanted"
    copy: bytes = b""
    reason: str = ""


class RecalculationNeeded(Exception):
    """LibreOffice must compute formulas before the document can be written. workbook: of them."""

    def __init__(self, workbook: bytes) -> None:
        super().__init__("formulas to compute")
        self.workbook = workbook
