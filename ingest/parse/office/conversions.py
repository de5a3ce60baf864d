"""Name the older office formats that LibreOffice converts, and what it converts them to."""

from dataclasses import dataclass

from ingest.errors import Unreadable


@dataclass(frozen=True, slots=True)
class Conversion:
    """What a format is converted to. suffix: of its files. target: the suffix of what comes out."""

    suffix: str
    target: str
    name: str

    def describe_absence(self) -> str:
        """Return why such a file is not read where there is no LibreOffice."""
        return (
            f"{self.name} ({self.suffix}): install LibreOffice to have it read, or save it as "
            f".{self.target}"
        )


CONVERSIONS = {
    "application/msword": Conversion(".doc", "docx", "a legacy Word file"),
    "application/rtf": Conversion(".rtf", "docx", "a rich text file"),
    "application/vnd.oasis.opendocument.text": Conversion(".odt", "docx", "an OpenDocument text"),
    "application/vnd.ms-powerpoint": Conversion(".ppt", "pptx", "a legacy PowerPoint file"),
    "application/vnd.oasis.opendocument.presentation": Conversion(
        ".odp", "pptx", "an OpenDocument presentation"
    ),
}


WORKBOOK_COPY = Conversion(".xlsx", "xlsx", "a workbook of formulas")
"""What computes formulas: LibreOffice does it to all that it opens."""


class ConversionNeeded(Unreadable):
    """A document that a parser cannot read before it is converted."""

    def __init__(self, media_type: str) -> None:
        super().__init__(CONVERSIONS[media_type].describe_absence())
        self.media_type = media_type
