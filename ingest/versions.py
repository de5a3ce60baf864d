"""The versions of parsers, splitter and tokenizer; a newer one re-reads what it concerns.

No source text is hashed: a comment changes no document, and a change that matters is a number
that somebody raised, which ``tests/golden`` asks for. What is data and not code, as the tokenizer's
file, goes by its digest, or by the version that it names. Texts that come out the same are not
embedded again, so a new version costs parsing only.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Self

from indexes import program_versions
from indexes.embedding import recipes
from indexes.embedding.tokenizer import identify_tokenizer
from ingest import split
from ingest.ocr_pages import OCR_VERSION, find_ocr_state
from ingest.parse import parser_table
from ingest.parse.office.recalculation_state import FORMULAS_VERSION

UNNOTED = "no versions were noted with them (ragdesk 0.1.0)"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingVersions:
    """All that decides, beside its bytes, how a document is parsed and split.

    options: the splitter's. tokenizer: names the file whose tokens it counts. split: version
    of the splitter. parsers: versions by media type. ocr: version of what reads scanned pages; 0
    where nothing does. formulas: the same of what LibreOffice is given of workbooks to compute.
    """

    options: Mapping[str, Any]
    tokenizer: str
    split: int
    parsers: Mapping[str, int]
    ocr: int = 0
    formulas: int = 0

    @classmethod
    def of_code(
        cls,
        tokenizer: Path,
        options: Mapping[str, Any],
        *,
        ocr_wanted: bool = True,
        has_calc: bool = False,
    ) -> Self:
        """Return the versions of this program, with these settings of the splitter.

        ocr_wanted: scanned pages are read, where what reads them is installed. has_calc:
        LibreOffice computes formulas here.
        """
        identity = identify_tokenizer(tokenizer)
        ocr = OCR_VERSION if find_ocr_state(wanted=ocr_wanted) == "ready" else 0
        formulas = FORMULAS_VERSION if has_calc else 0
        return cls(
            options=dict(options),
            tokenizer=identity,
            ocr=ocr,
            formulas=formulas,
            **list_reading_versions(),
        )

    def to_facts(self) -> dict[str, Any]:
        """Return the versions as plain values, as a manifest keeps them."""
        return asdict(self)

    def name_for(self, media_type: str) -> str:
        """Return a text that names all versions by which documents of one media type are read."""
        options = json.dumps(dict(self.options), sort_keys=True)
        parser = self.parsers.get(media_type, 0)
        ocr = f"\x1focr {self.ocr}" if self.ocr and media_type in parser_table.OCR_TYPES else ""
        has_formulas = self.formulas and media_type in parser_table.FORMULA_TYPES
        beside = f"{ocr}\x1fformulas {self.formulas}" if has_formulas else ocr
        return f"{options}\x1f{self.tokenizer}\x1f{self.split}\x1f{media_type}\x1f{parser}{beside}"

    def list_alike(self) -> "list[ReadingVersions]":
        """List these versions, and those by which what they read may stay as it is.

        A machine without OCR, or LibreOffice, leaves what another one read by it.
        """
        alike = [self]
        if not self.ocr:
            alike += [replace(reading, ocr=OCR_VERSION) for reading in alike]
        if not self.formulas:
            alike += [replace(reading, formulas=FORMULAS_VERSION) for reading in alike]
        return alike

    def list_differences(self, facts: Mapping[str, Any], media_type: str) -> tuple[str, ...]:
        """Describe how documents of one media type were read otherwise, by a manifest's facts."""
        parsers = facts.get("parsers")
        older = parsers.get(media_type, 0) if isinstance(parsers, dict) else 0
        pairs = (
            ("settings of the splitter", facts.get("options"), dict(self.options)),
            ("tokenizer", facts.get("tokenizer"), self.tokenizer),
        )
        differences = [f"other {name}" for name, before, now in pairs if before != now]
        if (before := facts.get("split")) != self.split:
            differences.append(f"splitter version {before} is now {self.split}")
        if (now := self.parsers.get(media_type, 0)) != older:
            differences.append(f"parser of {media_type} version {older} is now {now}")
        before = facts.get("ocr", 0)
        if self.ocr and media_type in parser_table.OCR_TYPES and before != self.ocr:
            differences.append(f"OCR version {before} is now {self.ocr}")
        before = facts.get("formulas", 0)
        if self.formulas and media_type in parser_table.FORMULA_TYPES and before != self.formulas:
            differences.append(
                f"LibreOffice for formulas, version {before}, is now {self.formulas}"
            )
        return tuple(differences)

    def describe_newer(self, facts: Mapping[str, Any]) -> str | None:
        """Describe what read the documents of a manifest in a newer version than these; or None.

        A media type that is not known here has no version to compare.
        """
        if isinstance(before := facts.get("split"), int) and before > self.split:
            return f"splitter of version {before}, this one has {self.split}"
        parsers = facts.get("parsers")
        for media_type, before in parsers.items() if isinstance(parsers, dict) else ():
            own = self.parsers.get(media_type)
            if own is not None and isinstance(before, int) and before > own:
                return f"parser of {media_type} of version {before}, this one has {own}"
        return None


def list_reading_versions() -> dict[str, Any]:
    """Return the versions of this program's parsers and splitter."""
    return {"split": split.SPLIT_VERSION, "parsers": parser_table.list_parser_versions()}


def list_code_versions() -> dict[str, Any]:
    """Return all versions of this program that decide what an ingest writes.

    Every process of one job has the same: children that parse, and nodes that embed.
    """
    return {
        **list_reading_versions(),
        "ocr": OCR_VERSION if find_ocr_state(wanted=True) == "ready" else 0,
        **program_versions.list_index_versions(),
        "pieces": recipes.TOKENIZER_RECIPE,
    }
