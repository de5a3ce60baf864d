"""Parse, split and embed on a Ray cluster; the only door to Ray.

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
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from indexes import journal, segments
from indexes.build import Build
from indexes.chunk import Chunk, Validity
from indexes.embed import Embedder
from indexes.errors import ModelMissing
from indexes.segments import views
from indexes.shelf import Shelf
from ingest.document import Raw, Skipped
from ingest.frame import heard, notes, retold, unpack
from ingest.guard import Guard, GuardOptions, Outcome, Parsed
from ingest.runners import Open, RayOptions

try:
    import ray
    import ray.data
    from ray._private import ray_constants
except ImportError as error:
    raise ModelMissing("Ray is not installed: pip install 'ragdesk[ray]'") from error

_LIMIT = 1 << 31  # bytes of one document on its way back
Rows = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What a worker needs to know, the same on every node.

    embedder: opens the embedder. shelves: of the segments whose vectors can be taken over.
    folder: where parts of the journal go.
    """

    embedder: Callable[[], Embedder]
    guard: GuardOptions
    tokenizer: Path
    split: Mapping[str, Any]
    shelves: Sequence[Path]
    folder: Path


class Worker:
    """An actor that parses, splits and embeds."""

    def __init__(self, setting: Setting) -> None:
        self._setting, self._held = setting, ExitStack()
        one = GuardOptions(**{**asdict(setting.guard), "workers": 1})
        guard = Guard(one, tokenizer=setting.tokenizer, split=setting.split)
        self._guard = self._held.enter_context(guard)
        self._embedder = setting.embedder()
        self._shelves = [self._held.enter_context(closing(Shelf(file))) for file in setting.shelves]
        self._known: set[bytes] = set()
        self._recall()

    def __call__(self, batch: Rows) -> Rows:
        """Compute some documents: a frame of each, and the part with their new vectors."""
        files = [_raw(json.loads(row)) for row in batch["raw"]]
        names = dict(zip(files, batch["name"], strict=True))
        found = [out for _, out in self._guard.run(files, name=lambda raw: str(names[raw]))]
        part = self._embed([c for one in found if isinstance(one, Parsed) for c in one.chunks])
        return {  # as Ray Data wants it: a column each
            "raw": batch["raw"],
            "name": batch["name"],
            "frame": np.array([_frame(one) for one in found], dtype=object),
            "skipped": np.array([_reason(one) for one in found], dtype=object),
            "part": np.array([part] * len(found), dtype=object),
        }

    def _embed(self, chunks: Sequence[Chunk]) -> str:
        """Embed the texts that are not known; returns the name of their part, or nothing."""
        texts = {
            journal.key(words): words
            for chunk in chunks
            if self._embedder.card.voices(chunk.text)
            for _, words in views(chunk)
        }
        new = [key for key in texts if key not in self._known]
        for shelf in self._shelves:
            known = shelf.vectors(new)
            new = [key for key in new if key not in known]
        if not new:
            return ""
        sound = segments.directed(new, self._embedder.passages([texts[key] for key in new]))
        self._known.update(sound)
        return journal.keep(self._setting.folder, sound) if sound else ""

    def _recall(self) -> None:
        """Note what an interrupted job has left."""
        folder, dim = self._setting.folder, self._embedder.card.dim
        for file in folder.iterdir() if folder.is_dir() else ():
            if not file.name.startswith("."):  # another worker's, half written
                self._known.update(journal.keys(file, dim) or ())


class OnRay:
    """Runs a job's files on a cluster. build: where the parts of the journal are taken in."""

    def __init__(self, setting: Setting, options: RayOptions, build: Build) -> None:
        self.split = dict(setting.split)
        self._setting, self._options, self._build = setting, options, build

    def run(
        self, files: Iterable[Raw], *, name: Callable[[Raw], str]
    ) -> Iterator[tuple[Raw, Outcome]]:
        """Give the files back in their order, each with its outcome; their vectors are noted."""
        items = [{"raw": json.dumps(_told(raw)), "name": name(raw)} for raw in files]
        if not items:
            return
        taken = {""}
        for row in self._computed(items).iter_rows():
            if (part := str(row["part"])) not in taken:
                taken.add(part)
                self._build.journal.take(part)
            raw = _raw(json.loads(row["raw"]))
            if row["skipped"]:
                yield raw, Skipped(uri=raw.uri, reason=str(row["skipped"]))
                continue
            header, parts = unpack(_reader(row["frame"]), limit=_LIMIT)
            record, chunks = heard(header, parts, raw=raw, record=str(row["name"]))
            yield raw, Parsed(record=record, chunks=chunks, notes=notes(header))

    def _computed(self, items: Sequence[Mapping[str, str]]) -> Any:
        given = self._options
        ray.data.DataContext.get_current().execution_options.preserve_order = True
        room = int(ray.cluster_resources().get("CPU", 1) // max(given.cpus, 0.01))
        blocks = -(-len(items) // max(given.batch, 1))
        size = max(1, min(given.workers or room, blocks))
        rows = ray.data.from_items(list(items), override_num_blocks=blocks)
        return rows.map_batches(
            Worker,
            batch_size=None,
            fn_constructor_args=(self._setting,),
            compute=ray.data.ActorPoolStrategy(size=size),
            num_cpus=given.cpus,
            num_gpus=given.gpus or None,
        )


def on_ray(options: RayOptions, embedder: Callable[[], Embedder]) -> Open:
    """Make a job's runner. embedder: opens one on any node; it travels there by name."""

    @contextmanager
    def opened(
        build: Build, *, guard: GuardOptions, tokenizer: Path, split: Mapping[str, Any]
    ) -> Iterator[OnRay]:
        parts = build.base.segments if build.base and not build.stale else ()
        setting = Setting(
            embedder=embedder,
            guard=guard,
            tokenizer=tokenizer,
            split=split,
            shelves=[part.shelf.file.absolute() for part in parts],
            folder=build.journal.folder.absolute(),
        )
        with _joined(options.address):
            yield OnRay(setting, options, build)

    return opened


@contextmanager
def _joined(address: str) -> Iterator[None]:
    """Join the cluster, or start one here, for as long as the block lasts."""
    for name in ("ray", "ray.data"):  # its plans and progress are no news of ours
        logging.getLogger(name).setLevel(logging.ERROR)
    began = not ray.is_initialized()
    if began:
        here = {} if address else {"include_dashboard": False}
        if not address:
            _stay_on_loopback()
        ray.init(address=address or "local", log_to_driver=False, logging_level="ERROR", **here)
    ray.data.DataContext.get_current().enable_progress_bars = False
    try:
        yield
    finally:
        if began:
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


def _told(raw: Raw) -> dict[str, Any]:
    facts = {name: getattr(raw, name) for name in ("uri", "source", "digest", "size")}
    validity = raw.validity and asdict(raw.validity)
    return {**facts, "file": str(raw.file), "groups": sorted(raw.groups), "validity": validity}


def _raw(told: Mapping[str, Any]) -> Raw:
    facts = {
        "file": Path(told["file"]),
        "groups": frozenset(told["groups"]),
        "validity": told["validity"] and Validity(**told["validity"]),
    }
    return Raw(**{**told, **facts})


def _frame(one: Outcome) -> bytes:
    if isinstance(one, Skipped):
        return b""
    return b"".join(retold(one.record, one.chunks, one.notes))


def _reason(one: Outcome) -> str:
    return one.reason if isinstance(one, Skipped) else ""


def _reader(body: bytes) -> Callable[[int], bytes]:
    view, at = memoryview(body), 0

    def read(size: int) -> bytes:
        nonlocal at
        at += size
        return bytes(view[at - size : at])

    return read
