"""Forecast, before anything is parsed, about how many chunks a job will embed."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from indexes.build import Build
from ingest.document import Raw
from ingest.source_changes import SourceChanges

ENOUGH_DOCUMENTS = 10  # published, for their average to say something of the next ones
CHUNK_BYTES = 800  # of plain text; a chunk of 180 tokens
PACKED_CHUNK_BYTES = 2_500  # of a PDF or an office file: 1,481 pages of reports
PLAIN_ENDINGS = (".md", ".txt", ".csv", ".tsv", ".json", ".jsonl", ".html", ".htm", ".srt", ".vtt")


@dataclass(frozen=True, slots=True, kw_only=True)
class JobForecast:
    """About how much a job has to do. files: to be parsed. chunks: to be embedded."""

    files: int
    chunks: int


ForecastCallback = Callable[[JobForecast], None]


def forecast_job(build: Build, source_changes: Iterable[SourceChanges]) -> JobForecast:
    """Forecast a job from its changes: all of the base where another embedder made it."""
    files = [raw for change in source_changes for raw in change.changes.files_to_parse]
    base = build.base
    documents = base.sums["documents"] if base else 0
    if base and documents >= ENOUGH_DOCUMENTS:
        chunks = round(len(files) * base.total / documents)
    else:
        chunks = sum(map(_estimate_chunks, files))
    if base and build.stale_reason:
        changed = len(files) * base.total / documents if documents else 0  # they are replaced
        chunks += max(0, base.total - round(changed))
    return JobForecast(files=len(files), chunks=chunks)


def _estimate_chunks(raw: Raw) -> int:
    size = CHUNK_BYTES if raw.uri.lower().endswith(PLAIN_ENDINGS) else PACKED_CHUNK_BYTES
    return max(1, round(raw.size / size))
