"""Parse and split files in a small pool of limited child processes.

A parser meets bytes that strangers wrote. So it runs where it can do no harm: a child process
with limits on memory, computing time, waiting time and output, that writes no file and needs no
network. A child that crosses a limit is ended, its file is skipped with the reason, and a fresh
child takes the next one.
"""

import os
import queue
import threading
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Self

from ingest.document import MakeDocumentId, ParsedDocument, ParseOutcome, Raw, Skipped
from ingest.ocr_pages import find_ocr_state
from ingest.parse.office.conversions import CONVERSIONS
from ingest.sandbox.child import Child, ParseFailure
from ingest.sandbox.child_protocol import unpack_document, unpack_members, unpack_notes
from ingest.sandbox.office_converter import (
    ConversionFailed,
    OfficeConverter,
    find_formula_state,
)
from ingest.sandbox.page_reader import PageReader
from ingest.sandbox.page_reading import ASK, PLAN
from ingest.versions import ReadingVersions

_MOST_AHEAD = 32  # documents per child that may be parsed before they are asked for
_MOST_WAITING_BYTES = 48 << 20  # bytes of finished answers that may wait; then parsing pauses
_MIB = 1 << 20
_MOST_SUFFIXES = 32  # of names that a child is told of; a few bytes each


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardOptions:
    """Limits of the separate processes that read documents; what breaks one is skipped and listed.

    workers: documents read at the same time. 0 is one per core, at most 2, as computing vectors
        needs the cores too.
    memory: memory in MiB that one document may take, beside what the process itself needs. Raise it
        if large documents are skipped for want of memory.
    seconds: computing time that one document may take, in seconds.
    wall: seconds after which reading one document is given up, computing or not.
    file_size: largest file in MiB; a larger one is skipped unread.
    output: text and positions in MiB that one document may yield.
    libreoffice: program that reads .doc, .odt, .ppt, .odp and .rtf, and computes formulas stored
        without a value: auto looks for it (Linux only), none does without, else its path
        (soffice.bin).
    ocr: read scanned pages of PDFs by OCR, where ``ragdesk[ocr]`` is installed: 3 to 10 s a page.
    ocr_memory: memory in MiB that reading one page may take.
    ocr_seconds: computing time that one page may take, in seconds.
    """

    workers: int = 0
    memory: int = 384
    seconds: float = 60
    wall: float = 300
    file_size: int = 200
    output: int = 128
    libreoffice: str = "auto"
    ocr: bool = True
    ocr_memory: int = 1_536
    ocr_seconds: float = 60


_Answer = Future[tuple[ParseOutcome, int]]  # and the bytes it holds


def count_workers(options: GuardOptions) -> int:
    """Count the children that options ask for."""
    return options.workers or min(2, _count_child_cores())


def find_reading_versions(
    options: GuardOptions, tokenizer: Path, split: Mapping[str, Any]
) -> ReadingVersions:
    """Return all that decides how documents are read here, with what options leave in use."""
    has_calc = find_formula_state(options.libreoffice) == "ask"
    return ReadingVersions.of_code(tokenizer, split, ocr_wanted=options.ocr, has_calc=has_calc)


def _collect_suffixes(names: Collection[str]) -> frozenset[str] | None:
    """Return the suffixes of names; None where there are too many to prepare for.

    Some sources give every file an end of its own: mailboxes, logs by date.
    """
    suffixes = frozenset(f"x{PurePosixPath(name).suffix.lower()}" for name in names)
    return suffixes if len(suffixes) <= _MOST_SUFFIXES else None


class Guard:
    """A pool of limited children. Use it in a ``with``: they end with it. One job at a time.

    tokenizer: the file whose tokens the splitter counts. split: the splitter's options.
    names: of the files to come, so that children need not import parsers of other formats (None:
    any may come). A file that is not what its name promises goes to a child that has all.
    """

    def __init__(
        self,
        options: GuardOptions,
        *,
        tokenizer: Path,
        split: Mapping[str, Any],
        names: Collection[str] | None = None,
    ) -> None:
        self._options = options
        self.split_options = dict(split)
        self._suffixes = None if names is None else _collect_suffixes(names)
        self._setting = {
            "memory": options.memory * _MIB,
            "output": options.output * _MIB,
            "tokenizer": str(tokenizer.absolute()),
            "split": self.split_options,
        }
        self.workers = count_workers(options)
        self._idle: queue.SimpleQueue[Child] = queue.SimpleQueue()
        self._children: set[Child] = set()
        self._lock = threading.Lock()
        self._closed = False
        self._converter = OfficeConverter(options.libreoffice)
        self._formula_state = find_formula_state(options.libreoffice)
        self._pool = ThreadPoolExecutor(self.workers, thread_name_prefix="guard")
        self._ocr_state = find_ocr_state(wanted=options.ocr)
        self._page_reader = PageReader(
            memory=options.ocr_memory * _MIB, seconds=options.ocr_seconds
        )

    def __enter__(self) -> Self:
        for _ in range(self.workers):
            self._idle.put(
                self._start_child(None if self._suffixes is None else sorted(self._suffixes))
            )
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._closed = True
            for child in self._children:
                child.kill()
        self._converter.stop()
        self._page_reader.kill()
        self._pool.shutdown(cancel_futures=True)
        for child in self._children:
            child.end_process()
        self._page_reader.end_children()

    def can_take(self, names: Collection[str], options: GuardOptions) -> bool:
        """Tell whether this pool can parse these files as well as one made for them."""
        suffixes = _collect_suffixes(names)
        ready = self._suffixes is None or (suffixes is not None and suffixes <= self._suffixes)
        return ready and self.workers >= min(count_workers(options), len(names))

    def parse_files(
        self, files: Iterable[Raw], *, make_id: MakeDocumentId, is_plan: bool = False
    ) -> Iterator[tuple[Raw, ParseOutcome]]:
        """Parse files, several at once; yield them in their order, each with its outcome.

        make_id: returns the id of a file's document, once its media type is known. is_plan: pages
        that OCR would read are counted, and not read. Files are asked for only a little ahead,
        and answers that nobody takes make parsing pause, so memory stays bounded. Raises
        IngestError when no child can start.
        """
        waiting: deque[tuple[Raw, _Answer]] = deque()
        ocr = self._choose_ocr(is_plan=is_plan)
        try:
            for raw in files:
                while waiting and self._is_full(waiting):
                    yield self._await_outcome(*waiting.popleft())
                waiting.append((raw, self._pool.submit(self._parse_file, raw, make_id, ocr)))
            while waiting:
                yield self._await_outcome(*waiting.popleft())
        finally:  # whoever leaves early wants no further answers
            for _, answer in waiting:
                answer.cancel()
            self._page_reader.end_children()  # they hold models that few files need

    def _is_full(self, waiting: Collection[tuple[Raw, _Answer]]) -> bool:
        sizes = (answer.result()[1] for _, answer in waiting if answer.done())
        return len(waiting) >= _MOST_AHEAD * self.workers or sum(sizes) > _MOST_WAITING_BYTES

    def _await_outcome(self, raw: Raw, answer: _Answer) -> tuple[Raw, ParseOutcome]:
        return raw, answer.result()[0]

    def _parse_file(self, raw: Raw, make_id: MakeDocumentId, ocr: str) -> tuple[ParseOutcome, int]:
        """Parse one file in a child (in a thread of the pool); return the outcome and its size."""
        if raw.size > self._options.file_size * _MIB:
            reason = f"larger than {self._options.file_size} MiB"
            return Skipped(uri=raw.uri, reason=reason), 0
        answer = self._ask_child(raw, {"ocr": ocr})
        if not isinstance(answer, ParseFailure) and "convert" in answer[0]:
            answer = self._parse_conversion(raw, answer[0]["convert"])
        if not isinstance(answer, ParseFailure) and "ocr" in answer[0]:
            answer = self._read_scanned_pages(raw, answer[0]["ocr"])
        if not isinstance(answer, ParseFailure) and "recalculate" in answer[0]:
            answer = self._parse_recalculated(raw, answer[1])
        if isinstance(answer, ParseFailure):
            return Skipped(uri=raw.uri, reason=answer.reason), 0
        header, parts = answer
        if "unreadable" in header:
            return Skipped(uri=raw.uri, reason=str(header["unreadable"])[:500]), 0
        record_id = make_id(raw, str(header.get("media_type")))
        try:
            document_record, chunks = unpack_document(header, parts, raw=raw, record_id=record_id)
            document_notes = unpack_notes(header)
            members = unpack_members(header, parts)
        except (ValueError, KeyError, TypeError):
            reason = "crashed the parser (its answer makes no sense)"
            return Skipped(uri=raw.uri, reason=reason), 0
        parsed = ParsedDocument(
            record=document_record, chunks=chunks, notes=document_notes, members=members
        )
        return parsed, sum(map(len, parts)) + 500 * len(chunks)

    def _choose_ocr(self, *, is_plan: bool) -> str:
        """Return how pages are read that OCR may read."""
        if self._ocr_state != "ready":
            return ""
        return PLAN if is_plan else ASK

    def _read_scanned_pages(self, raw: Raw, pages: Any) -> tuple[Any, Any] | ParseFailure:
        """Have OCR read the pages that a child asked for, and parse the document again."""
        if not isinstance(pages, list) or any(type(n) is not int or n < 0 for n in pages):
            return ParseFailure("crashed the parser (its answer makes no sense)")
        return self._ask_child(raw, {"ocr": str(self._page_reader.read_pages(raw, pages))})

    def _parse_conversion(self, raw: Raw, kind: object) -> tuple[Any, Any] | ParseFailure:
        """Have LibreOffice convert a file, and a child parse what it makes of it."""
        conversion = CONVERSIONS.get(kind) if isinstance(kind, str) else None
        if conversion is None:
            return ParseFailure("crashed the parser (its answer makes no sense)")
        request = {"converted_from": kind, "reason": ""}
        try:
            with self._converter.convert_file(raw, conversion) as file:
                if file.stat().st_size > self._options.file_size * _MIB:
                    return ParseFailure(
                        f"larger than {self._options.file_size} MiB, once converted"
                    )
                return self._ask_child(raw, {**request, "file": str(file), "real": False})
        except ConversionFailed as error:
            return self._ask_child(raw, {**request, "reason": str(error)})

    def _parse_recalculated(self, raw: Raw, parts: Any) -> tuple[Any, Any] | ParseFailure:
        """Have LibreOffice compute the formulas that a child asks for, and parse again."""
        if len(parts) != 1:
            return ParseFailure("crashed the parser (its answer makes no sense)")
        try:
            with self._converter.compute_workbook(parts[0]) as file:
                if file.stat().st_size <= self._options.file_size * _MIB:
                    return self._ask_child(raw, {"computed": str(file)})
            reason = f"larger than {self._options.file_size} MiB, once computed"
        except ConversionFailed as error:
            reason = str(error)
        return self._ask_child(raw, {"not_computed": reason})

    def _ask_child(
        self, raw: Raw, more: Mapping[str, Any] | None = None
    ) -> tuple[Any, Any] | ParseFailure:
        """Have an idle child parse a file; try a fresh one if earlier documents exhausted it.

        more: of the request, beside or instead of what is said of each file.
        """
        child = self._idle.get()
        try:
            if child.has_ended:
                child = self._replace_child(child)
            served = child.served_count
            answer = self._parse_in_child(child, raw, more or {})
            if (
                isinstance(answer, ParseFailure)
                and (served or answer.retired)
                and not answer.timed_out
            ):
                child = self._replace_child(child)
                answer = self._parse_in_child(child, raw, more or {})
            return answer
        finally:
            self._idle.put(child)

    def _parse_in_child(
        self, child: Child, raw: Raw, more: Mapping[str, Any]
    ) -> tuple[Any, Any] | ParseFailure:
        options = self._options
        request = {
            "file": str(raw.file.absolute()),
            "real": raw.real,
            "uri": raw.uri,
            "media_type": raw.media_type,
            "context": raw.context,
            "seconds": options.seconds,
            "ocr": "",
            "ocr_state": self._ocr_state,
            "formulas": self._formula_state,
            **more,
        }
        return child.request_parse(request, wall=options.wall)

    def _replace_child(self, child: Child) -> Child:
        with self._lock:
            self._children.discard(child)
        child.end_process()
        return self._start_child(None)

    def _start_child(self, names: Sequence[str] | None) -> Child:
        with self._lock:
            if self._closed:
                raise RuntimeError("The guard is closed.")
            setting = {**self._setting, "names": names}
            # Beside its text, the documents in a file are sent: never more than the file itself.
            limit = self._options.output + self._options.file_size + 64
            child = Child(setting, limit=limit * _MIB)
            self._children.add(child)
        return child


def _count_child_cores() -> int:
    affinity = getattr(os, "sched_getaffinity", None)  # Linux: what a container was given
    return len(affinity(0)) if affinity else os.cpu_count() or 1
