"""Runners that parse a job's files: on this machine, or on the workers of a cluster.

A runner parses and splits, and may embed; it writes nothing but parts of the journal. The job
alone decides what is published.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from indexes.build import Build
from ingest.document import MakeDocumentId, ParseOutcome, Raw
from ingest.sandbox.guard import GuardOptions

RunnerKind = Literal["local", "ray"]


class Runner(Protocol):
    """Parses and splits files, in their order."""

    @property
    def split_options(self) -> Mapping[str, Any]:
        """The options of the splitter."""

    def parse_files(
        self, files: Iterable[Raw], *, make_id: MakeDocumentId, is_plan: bool = False
    ) -> Iterator[tuple[Raw, ParseOutcome]]:
        """Yield the files in their order, each with its outcome. is_plan: OCR reads no page."""


class RunnerFactory(Protocol):
    """Opens a runner for one build."""

    def __call__(
        self, build: Build, *, guard: GuardOptions, tokenizer: Path, split: Mapping[str, Any]
    ) -> AbstractContextManager[Runner]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RayOptions:
    """The Ray cluster that reads and embeds documents, for ``ragdesk ingest --on ray``.

    address: the cluster's address, such as ``ray://head:10001``. ``auto`` takes the one that this
        machine belongs to; empty starts one here. HOME must lie on a disk that every node mounts
        under the same path; so must the folder of embed.cache, or ``ragdesk doctor --prepare`` has
        to run on each node. A node that embeds with another model is refused.
    workers: worker processes at the same time; 0 is as many as the cluster has room for.
    cpus: CPUs reserved for each worker.
    gpus: GPUs reserved for each worker, such as 1 or 0.5. With a GPU set embed.device to ``cuda``
        too.
    batch: documents handed to a worker at a time.
    """

    address: str = ""
    workers: int = 0
    cpus: float = 1
    gpus: float = 0
    batch: int = 8
