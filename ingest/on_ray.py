"""Parse, split and embed on a Ray cluster. The only file that imports Ray.

A worker is an actor with a limited child that parses and an embedder. It takes a few documents,
embeds the texts that nobody knows yet, writes the vectors as one part of the journal, and hands
the documents back. The driver takes them in their order and publishes once, as ever: a worker
that dies is replaced by Ray and its documents are computed again; when the driver dies, the next
job finds every part in the journal. So the digest is that of a local run.
"""

import json
import logging
import os
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from indexes.build import Build
from indexes.chunk import Chunk, Validity
from indexes.chunk_views import iter_views
from indexes.embedding.embedder import Embedder, EmbedderCard
from indexes.errors import ModelMissing
from indexes.store import segments, vector_journal
from indexes.store.chunk_store import ChunkStore
from ingest.document import MakeDocumentId, ParsedDocument, ParseOutcome, Raw, Skipped
from ingest.errors import IngestError
from ingest.runners import RayOptions, RunnerFactory
from ingest.sandbox.child_protocol import (
    pack_record,
    unpack_document,
    unpack_frame,
    unpack_members,
    unpack_notes,
)
from ingest.sandbox.guard import Guard, GuardOptions
from ingest.versions import list_code_versions

try:
    import ray
    import ray.data
    from ray._private import ray_constants
except ImportError as error:
    raise ModelMissing("Ray is not installed: pip install 'ragdesk[ray]'") from error

_LARGEST_FRAME = 1 << 31  # bytes of one document on its way back
_OF_MEMBER = ("media_type", "context", "container", "depth")  # fields of a Raw
BatchColumns = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class RayWorkerSetting:
    """The setting of a Ray worker, the same on every node.

    embedder: opens the embedder. card: the driver's; a node of another one embeds nothing.
    find_tokenizer: gives the file of the tokenizer on that node, once its embedder was opened; else
    tokenizer is there on all of them. shelves: files of the chunk stores that name the vectors
    which are published already. folder: where parts of the journal go.
    """

    embedder: Callable[[], Embedder]
    card: EmbedderCard
    guard: GuardOptions
    tokenizer: Path
    find_tokenizer: Callable[[], Path] | None
    split: Mapping[str, Any]
    shelves: Sequence[Path]
    folder: Path


class RayWorker:
    """An actor that parses, splits and embeds."""

    def __init__(self, setting: RayWorkerSetting) -> None:
        self._setting = setting
        self._resources = ExitStack()
        self._embedder = setting.embedder()  # first: it may make the tokenizer's file
        tokenizer = setting.find_tokenizer() if setting.find_tokenizer else setting.tokenizer
        options = replace(setting.guard, workers=1)
        guard = Guard(options, tokenizer=tokenizer, split=setting.split)
        self._guard = self._resources.enter_context(guard)
        self._chunk_stores = [
            self._resources.enter_context(closing(ChunkStore(file))) for file in setting.shelves
        ]
        self._known: set[bytes] = set()
        self._recall_journal()

    def __call__(self, batch: BatchColumns) -> BatchColumns:
        """Parse and embed a batch; return a frame of each document, and their journal part."""
        files = [_raw_from_json(json.loads(row)) for row in batch["raw"]]
        outcomes = [
            result for _, result in self._guard.parse_files(files, make_id=lambda _, __: "")
        ]
        chunks: list[Chunk] = []
        for outcome in outcomes:
            if isinstance(outcome, ParsedDocument):
                chunks.extend(outcome.chunks)
        is_same = self._embedder.card == self._setting.card
        part = self._embed(chunks) if is_same else ""  # the journal is of the driver's embedder
        return {  # as Ray Data wants it: a column each
            "raw": batch["raw"],
            "frame": np.array([_outcome_frame(outcome) for outcome in outcomes], dtype=object),
            "skipped": np.array([_skip_reason(outcome) for outcome in outcomes], dtype=object),
            "part": np.array([part] * len(outcomes), dtype=object),
            "versions": np.array([_describe_versions()] * len(outcomes), dtype=object),
            "card": np.array([_describe_card(self._embedder.card)] * len(outcomes), dtype=object),
        }

    def _embed(self, chunks: Sequence[Chunk]) -> str:
        """Embed the texts that are not known; return the name of their part, or nothing."""
        texts = {
            vector_journal.hash_text(words): words
            for chunk in chunks
            if self._embedder.card.can_embed(chunk.text)
            for _, words in iter_views(chunk)
        }
        new = [key for key in texts if key not in self._known]
        for chunk_store in self._chunk_stores:
            known = chunk_store.find_vector_rows(new)
            new = [key for key in new if key not in known]
        if not new:
            return ""
        new_vectors = segments.normalise_vectors(
            new, self._embedder.embed_passages([texts[key] for key in new])
        )
        self._known.update(new_vectors)
        return (
            vector_journal.write_journal_part(self._setting.folder, new_vectors)
            if new_vectors
            else ""
        )

    def _recall_journal(self) -> None:
        """Note the vectors that an interrupted job has left."""
        folder = self._setting.folder
        dim = self._embedder.card.dim
        for file in folder.iterdir() if folder.is_dir() else ():
            if not file.name.startswith("."):  # another worker's, half written
                self._known.update(vector_journal.read_part_keys(file, dim) or ())


class RayRunner:
    """Runs a job's files on a cluster. build: where the parts of the journal are taken in."""

    def __init__(self, setting: RayWorkerSetting, options: RayOptions, build: Build) -> None:
        self.split_options = dict(setting.split)
        self._setting = setting
        self._options = options
        self._build = build

    def parse_files(
        self, files: Iterable[Raw], *, make_id: MakeDocumentId, is_plan: bool = False
    ) -> Iterator[tuple[Raw, ParseOutcome]]:
        """Yield the files in their order, each with its outcome; their vectors are noted."""
        if is_plan:
            raise ValueError("A plan is made on this machine.")
        items = [{"raw": json.dumps(_raw_to_json(raw))} for raw in files]
        if not items:
            return
        noted_parts = {""}
        for row in self._compute_rows(items).iter_rows():
            if row["versions"] != _describe_versions():
                raise IngestError(
                    "A node of the Ray cluster reads documents by other versions than this machine."
                    " Nothing was changed. Install the same ragdesk on all nodes."
                )
            if row["card"] != _describe_card(self._setting.card):
                raise _card_error(json.loads(row["card"]), self._setting.card)
            if (part := str(row["part"])) not in noted_parts:
                noted_parts.add(part)
                self._build.journal.take_part(part)
            raw = _raw_from_json(json.loads(row["raw"]))
            if row["skipped"]:
                yield raw, Skipped(uri=raw.uri, reason=str(row["skipped"]))
                continue
            header, parts = unpack_frame(_bytes_reader(row["frame"]), limit=_LARGEST_FRAME)
            record_id = make_id(raw, str(header["media_type"]))
            record, chunks = unpack_document(header, parts, raw=raw, record_id=record_id)
            yield (
                raw,
                ParsedDocument(
                    record=record,
                    chunks=chunks,
                    notes=unpack_notes(header),
                    members=unpack_members(header, parts),
                ),
            )

    def _compute_rows(self, items: Sequence[Mapping[str, str]]) -> Any:
        options = self._options
        ray.data.DataContext.get_current().execution_options.preserve_order = True
        room = int(ray.cluster_resources().get("CPU", 1) // max(options.cpus, 0.01))
        blocks = -(-len(items) // max(options.batch, 1))
        size = max(1, min(options.workers or room, blocks))
        rows = ray.data.from_items(list(items), override_num_blocks=blocks)
        return rows.map_batches(
            RayWorker,
            batch_size=None,
            fn_constructor_args=(self._setting,),
            compute=ray.data.ActorPoolStrategy(size=size),
            num_cpus=options.cpus,
            num_gpus=options.gpus or None,
        )


def make_ray_runner(
    options: RayOptions,
    embedder: Callable[[], Embedder],
    card: EmbedderCard,
    find_tokenizer: Callable[[], Path] | None = None,
) -> RunnerFactory:
    """Return a factory of Ray runners.

    embedder, find_tokenizer: open an embedder on each node, and find the tokenizer's file there.
    card: of this machine's embedder; each node must have the same.
    """

    @contextmanager
    def open_runner(
        build: Build, *, guard: GuardOptions, tokenizer: Path, split: Mapping[str, Any]
    ) -> Iterator[RayRunner]:
        parts = build.base.segments if build.base and not build.stale_reason else ()
        setting = RayWorkerSetting(
            embedder=embedder,
            card=card,
            guard=guard,
            tokenizer=tokenizer,
            find_tokenizer=find_tokenizer,
            split=split,
            shelves=[part.chunk_store.file.absolute() for part in parts],
            folder=build.journal.folder.absolute(),
        )
        with _join_cluster(options.address):
            yield RayRunner(setting, options, build)

    return open_runner


@contextmanager
def _join_cluster(address: str) -> Iterator[None]:
    """Join the cluster, or start one here, for as long as the block lasts."""
    for name in ("ray", "ray.data"):  # its plans and progress are no news of ours
        logging.getLogger(name).setLevel(logging.ERROR)
    is_ours = not ray.is_initialized()
    if is_ours:
        here = {} if address else {"include_dashboard": False}
        if not address:
            _stay_on_loopback()
        ray.init(address=address or "local", log_to_driver=False, logging_level="ERROR", **here)
    ray.data.DataContext.get_current().enable_progress_bars = False
    try:
        yield
    finally:
        if is_ours:
            ray.shutdown()


def _stay_on_loopback() -> None:
    """Keep the cluster that starts here, and all its processes, to this machine.

    By itself Ray finds its address with a socket to 8.8.8.8 and listens there, asks the metadata
    servers of three clouds where it runs, reports turned off or not, and leaves a token in the
    user's home folder. The proxy is one that is not there: nothing of a local cluster needs any.
    """
    ray_constants.ENABLE_RAY_CLUSTER = False
    os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"  # the same for its processes
    os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        os.environ[name] = "http://127.0.0.1:9"
    for name in ("no_proxy", "NO_PROXY"):
        os.environ[name] = "127.0.0.1,localhost,::1"


def _raw_to_json(raw: Raw) -> dict[str, Any]:
    facts = {name: getattr(raw, name) for name in ("uri", "source", "digest", "size", *_OF_MEMBER)}
    validity = raw.validity and asdict(raw.validity)
    return {**facts, "file": str(raw.file), "groups": sorted(raw.groups), "validity": validity}


def _raw_from_json(fields: Mapping[str, Any]) -> Raw:
    validity = fields["validity"]
    return Raw(
        uri=fields["uri"],
        source=fields["source"],
        digest=fields["digest"],
        size=fields["size"],
        file=Path(fields["file"]),
        groups=frozenset(fields["groups"]),
        validity=Validity(**validity) if validity else None,
        **{name: fields[name] for name in _OF_MEMBER},
    )


def _describe_versions() -> str:
    return json.dumps(list_code_versions(), sort_keys=True)


def _describe_card(card: EmbedderCard) -> str:
    return json.dumps(asdict(card), sort_keys=True)


def _card_error(facts: Mapping[str, Any], card: EmbedderCard) -> IngestError:
    """Return the error of a node whose embedder has other facts than this machine's card."""
    others = [name for name, value in asdict(card).items() if facts.get(name) != value]
    return IngestError(
        f"A node of the Ray cluster embeds with {facts['name']} ({facts['revision']}), this "
        f"machine with {card.name} ({card.revision}): other {', '.join(others)}. Nothing was "
        "changed. Let all nodes share one [embed] cache, or run ragdesk doctor --prepare on each, "
        "with the same packages and the same kind of device."
    )


def _outcome_frame(outcome: ParseOutcome) -> bytes:
    if isinstance(outcome, Skipped):
        return b""
    return b"".join(pack_record(outcome))


def _skip_reason(outcome: ParseOutcome) -> str:
    return outcome.reason if isinstance(outcome, Skipped) else ""


def _bytes_reader(body: bytes) -> Callable[[int], bytes]:
    view = memoryview(body)
    at = 0

    def read(size: int) -> bytes:
        nonlocal at
        at += size
        return bytes(view[at - size : at])

    return read
