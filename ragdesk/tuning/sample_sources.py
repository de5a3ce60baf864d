"""Gather the samples of a training from all that it is given, without what measures it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ragdesk.tuning.document_samples import HeadingReader
from ragdesk.tuning.guideline_samples import read_guidelines
from ragdesk.tuning.measured_texts import (
    MeasuredTexts,
    leave_out_measured,
    read_measured_texts,
    refuse_measured,
)
from ragdesk.tuning.reader_samples import ReaderSample, SampleMaker, SampleOptions, SampleSource
from ragdesk.tuning.squad_samples import SquadReader
from ragdesk.tuning.table_samples import make_table_source

TRADITIONAL_SHARE = 4  # of so many articles in traditional characters, one stays as it is
_PLAIN = SampleOptions(removed=0.0)
_REMOVED = SampleOptions(removed=0.2, same=1, siblings=3, seed=29)


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceOptions:
    """What a reader is trained on.

    squad: files in SQuAD's format. documents: folders whose headings and FAQ entries ask.
    guidelines: files in ABCD's format. tables: made-up tables of each language. measured: files
    and folders that measure a reader. leaves_out: what stands in them is left out, not refused.
    skipped: articles that are left out by title. without: sources that are left out by name.
    """

    squad: Sequence[Path] = ()
    documents: Sequence[Path] = ()
    guidelines: Sequence[Path] = ()
    tables: int = 0
    measured: Sequence[Path] = ()
    leaves_out: bool = False
    skipped: Sequence[str] = ()
    without: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceReport:
    """What a source gave. lost: questions left out, as they or their paragraph measure."""

    name: str
    samples: int
    unanswerable: int
    lost: int


def gather_samples(options: SourceOptions) -> tuple[list[ReaderSample], list[SourceReport]]:
    """Read all sources, and return their samples and a report of each.

    Raises SettingsError, naming the file, where a source holds what measures.
    """
    measured = read_measured_texts(options.measured)
    samples: list[ReaderSample] = []
    reports: list[SourceReport] = []
    for source in _iter_sources(options):
        if source.name in options.without:
            continue
        rest, lost = _check_source(source, measured, leaves_out=options.leaves_out)
        own = list(iter_source_samples(rest))
        samples += own
        reports.append(report_samples(source.name, own, lost))
    return samples, reports


def report_samples(name: str, samples: Sequence[ReaderSample], lost: int = 0) -> SourceReport:
    """Return the report of a source's samples."""
    empty = sum(not sample.answers for sample in samples)
    return SourceReport(name=name, samples=len(samples), unanswerable=empty, lost=lost)


def iter_source_samples(source: SampleSource) -> Iterator[ReaderSample]:
    """Yield the samples of a source.

    One with questions that are not answered in their paragraph has near misses of its own: there
    answerable questions come twice, with other wrong units, so that they are not the fewer.
    """
    if all(question.answers for question in source.questions):
        yield from SampleMaker(source).iter_samples()
        return
    yield from SampleMaker(source, _PLAIN).iter_samples()
    again = replace(source, questions=[q for q in source.questions if q.answers])
    yield from SampleMaker(again, _REMOVED).iter_samples()


def _iter_sources(options: SourceOptions) -> Iterator[SampleSource]:
    for file in options.squad:
        reader = SquadReader(file.stem, skipped=options.skipped, kept_traditional=TRADITIONAL_SHARE)
        yield reader.read_source(file)
    for folder in options.documents:
        yield HeadingReader(folder.name).read_folder(folder)
    for file in options.guidelines:
        yield read_guidelines(file.stem, file)
    if options.tables:
        yield make_table_source(options.tables)


def _check_source(
    source: SampleSource, measured: MeasuredTexts, *, leaves_out: bool
) -> tuple[SampleSource, int]:
    if not leaves_out:
        refuse_measured(source, measured)
        return source, 0
    rest, lost = leave_out_measured(source, measured)
    refuse_measured(rest, measured)
    return rest, lost
