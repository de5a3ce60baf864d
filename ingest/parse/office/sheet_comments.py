"""Read the comments on the cells of a sheet, old notes and threads of today."""

from collections.abc import Iterator

from ingest.parse.office.package import Package
from ingest.parse.office.sheet_cells import split_reference
from ingest.parse.xml_tree import Element, local_name

MOST_COMMENTS = 10_000  # of a sheet
_THREAD_MARK = "[Threaded comment]"  # older programs show this text instead of a thread


def read_sheet_comments(package: Package, part: str) -> list[tuple[int, int, str]]:
    """Return the comments of a worksheet: row, column and words, in the order of its cells."""
    comments: list[tuple[int, int, str]] = []
    for kind, name in (("threadedComment", "threadedComment"), ("comments", "comment")):
        for target in package.find_related(part, kind):
            if package.has_part(target):
                comments += _read_part(package.archive.parse_entry(target), name)
    return sorted(comments[:MOST_COMMENTS], key=lambda comment: comment[:2])


def _read_part(root: Element, name: str) -> Iterator[tuple[int, int, str]]:
    for node in root.iter():
        if local_name(node) != name:
            continue
        place = split_reference(node.get("ref", ""))
        words = "".join(_list_texts(node)).strip()
        if place and words and not words.startswith(_THREAD_MARK):
            yield (*place, words)


def _list_texts(node: Element) -> Iterator[str]:
    for part in node.iter():
        if local_name(part) in {"t", "text"} and part.text:
            above = part.getparent()
            if above is None or local_name(above) != "rPh":
                yield part.text
