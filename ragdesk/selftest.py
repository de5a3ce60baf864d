"""Open the model, the home and every collection, and see whether they work."""

import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile

import numpy as np

from indexes import weights
from indexes.errors import IndexesError
from indexes.index import Index
from indexes.segments import CANARY
from ragdesk.assemble import Desks
from ragdesk.doctor import Finding, State, each
from ragdesk.settings import load
from ragdesk.support.access import FILE, Keys

FREE = 1 << 30  # bytes


def look(home: Path | None, config: Path | None) -> Iterator[Finding]:
    """Look at the home, its model and its collections. Raises SettingsError."""
    loaded = load(home=home, config=config)
    test = SelfTest(Desks(loaded.home, loaded.settings))
    return each((test.home, test.model, test.embedder, test.collections, test.keys))


@dataclass(frozen=True, slots=True)
class SelfTest:
    """Looks at one home."""

    desks: Desks

    def home(self) -> Iterator[Finding]:
        """See whether it can be written, and has room."""
        desks = self.desks
        home = desks.home.absolute()
        at = next(folder for folder in (home, *home.parents) if folder.exists())
        try:
            with TemporaryFile(dir=at):
                pass
        except OSError as error:
            remedy = f"Let this user write there, or choose another: --home DIR ({error.strerror})"
            yield Finding(
                what="home", state="bad", found=f"{home} cannot be written", remedy=remedy
            )
            return
        free = shutil.disk_usage(at).free
        state: State = "ok" if free > FREE else "note"
        remedy = "" if free > FREE else "A publish needs room for a second copy of what changed."
        there = "" if home.exists() else ", made at the first ingest"
        found = f"{home}, {free / 2**30:.1f} GiB free{there}"
        yield Finding(what="home", state=state, found=found, remedy=remedy)

    def model(self) -> Iterator[Finding]:
        """See whether it can be read, and was exported."""
        desks = self.desks
        try:
            model = weights.find(desks.settings.embed.model, desks.models)
        except IndexesError as error:
            yield Finding(what="model", state="bad", found=str(error), remedy="See embed.model.")
            return
        if model.name == weights.NONE:
            yield Finding(what="model", state="ok", found="none: words alone find passages")
            return
        found = f"{model.name}, reads {model.max_tokens} tokens"
        yield Finding(what="model", state="ok", found=found)
        exported = sorted((desks.models).glob("*.onnx"))
        cache = ", ".join(file.name for file in exported) or "none yet; made at first use, some 3 s"
        yield Finding(what="onnx cache", state="ok", found=cache)

    def embedder(self) -> Iterator[Finding]:
        """See whether its vectors make sense."""
        desks = self.desks
        started = time.perf_counter()
        embedder = desks.embedder
        if embedder.card.words_only:
            return
        texts = ["How do I return an order?", "Sending goods back", "The weather in Oslo"]
        vectors = embedder.passages(texts)
        seconds = time.perf_counter() - started
        near, far = float(vectors[0] @ vectors[1]), float(vectors[0] @ vectors[2])
        unit = np.allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-3)
        card = embedder.card
        languages = "reads Chinese" if card.reads_cjk else "does not read Chinese: words find it"
        found = f"{card.name} {card.revision}, {card.dim} dimensions, {languages}, {seconds:.1f} s"
        good = bool(unit) and near > far
        remedy = "" if good else "Its vectors make no sense: delete HOME/models and try again."
        yield Finding(what="embedder", state="ok" if good else "bad", found=found, remedy=remedy)

    def collections(self) -> Iterator[Finding]:
        """See whether each can be opened with this embedder."""
        desks = self.desks
        if not desks.names():
            yield Finding(what="collections", state="ok", found="none yet: ragdesk ingest PATH")
        for name in desks.names():
            what = f"collection {name}"
            try:
                with Index.open(desks.folder(name), card=desks.embedder.card) as index:
                    found = f"generation {index.generation}, {index.total:,} chunks"
                    index.check_canary(desks.embedder.passages([CANARY])[0])
                    refused = "; ".join(index.refused)
            except IndexesError as error:
                remedy = "ragdesk indexes verify, then rollback, or restore FILE --replace"
                yield Finding(what=what, state="bad", found=str(error), remedy=remedy)
                continue
            step = "An older one answers. See: ragdesk indexes verify"
            remedy = step if refused and "ragdesk " not in refused else ""
            state: State = "note" if refused else "ok"
            yield Finding(what=what, state=state, found=refused or found, remedy=remedy)

    def keys(self) -> Iterator[Finding]:
        """See whether anybody could ask over HTTP."""
        desks = self.desks
        if not (desks.home / FILE).is_file():
            yield Finding(what="keys", state="ok", found="none: the desk is open on loopback only")
            return
        keys = Keys(desks.home)
        usable, made = keys.usable(), keys.any()
        keys.close()
        found = "valid ones stand" if usable else "none that is valid" if made else "none"
        remedy = "Nobody can ask over HTTP: ragdesk keys create NAME" if made and not usable else ""
        yield Finding(what="keys", state="note" if remedy else "ok", found=found, remedy=remedy)
