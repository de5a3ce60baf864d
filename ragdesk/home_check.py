"""The checks of ``ragdesk doctor`` that open the home, the model and every collection."""

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryFile

import numpy as np

from indexes.embedding import model_files, weights_conversion
from indexes.embedding.embedder import Embedder, find_model_files
from indexes.embedding.quantised_weights import WEIGHTS_REMEDY
from indexes.embedding.weights_conversion import MODEL_NAME
from indexes.errors import (
    FormatNewer,
    IndexesError,
    IndexMismatch,
    ModelMissing,
    WordsNewer,
    WordsOutdated,
)
from indexes.store.segments import CANARY_TEXT
from indexes.upkeep.history import find_embedder_facts
from ragdesk.answering.answer_signals import describe_signal_versions
from ragdesk.answering.calibration import FIT_AGAIN, read_calibration
from ragdesk.answering.reading.unit_reader import ReaderInput
from ragdesk.assemble import Workspace
from ragdesk.degradation import find_words_remedy
from ragdesk.document_reader_check import check_document_readers
from ragdesk.errors import WORDS_OUTDATED, SettingsError
from ragdesk.installation_check import Finding, FindingState, check_installation, run_checks
from ragdesk.settings import load_settings
from ragdesk.support.database import DATABASE_FILE
from ragdesk.support.key_store import KeyStore, open_home_database

MIN_FREE_BYTES = 1 << 30  # bytes


def check_home(
    home: Path | None, config: Path | None, *, prepare: bool = False
) -> Iterator[Finding]:
    """Check the home, its models and its collections. Raises SettingsError.

    prepare: bring the models of the settings and collections into the form in which they run first.
    """
    loaded = load_settings(home=home, config=config)
    test = SelfTest(Workspace(loaded.home, loaded.settings))
    steps = [test.prepare] if prepare else []
    models = (test.model, test.packaged_models, test.embedder, test.reader)
    stored = (test.collections, test.calibrations, test.keys)
    readers = partial(check_document_readers, loaded.settings.guard)
    return run_checks([readers, test.home, *steps, *models, *stored])


def check_open_home(workspace: Workspace) -> Iterator[Finding]:
    """Check the installation and the home of a running server, without loading a model for it."""
    yield from check_installation()
    test = SelfTest(workspace)
    readers = partial(check_document_readers, workspace.settings.guard)
    models = (test.model, test.packaged_models)
    yield from run_checks([readers, test.home, *models, test.collections, test.calibrations])


@dataclass(frozen=True, slots=True)
class SelfTest:
    """Checks one home."""

    workspace: Workspace

    def home(self) -> Iterator[Finding]:
        """Check whether the home can be written, and has room."""
        workspace = self.workspace
        home = workspace.home.absolute()
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
        state: FindingState = "ok" if free > MIN_FREE_BYTES else "note"
        remedy = (
            ""
            if free > MIN_FREE_BYTES
            else "A publish needs room for a second copy of what changed."
        )
        hint = "" if home.exists() else ", made at the first ingest"
        observed = f"{home}, {free / 2**30:.1f} GiB free{hint}"
        yield Finding(what="home", state=state, found=observed, remedy=remedy)

    def model(self) -> Iterator[Finding]:
        """Check whether the model can be read, and was exported."""
        workspace = self.workspace
        try:
            model = find_model_files(workspace.settings.embed, workspace.models_folder)
        except IndexesError as error:
            yield Finding(what="model", state="bad", found=str(error), remedy="See embed.model.")
            return
        if model.name == model_files.NO_MODEL:
            yield Finding(what="model", state="ok", found="none: words alone find passages")
            return
        observed = f"{model.name}, reads {model.max_tokens} tokens"
        yield Finding(what="model", state="ok", found=observed)
        folder = workspace.models_folder
        converted = weights_conversion.converted_folder(folder)
        graphs = sorted([*folder.glob("*.onnx"), *converted.glob("*.onnx")])
        names = ", ".join(graph.relative_to(folder).as_posix() for graph in graphs)
        cache = f"{folder}: {names or 'none yet; made at first use, or by doctor --prepare'}"
        yield Finding(what="onnx cache", state="ok", found=cache)

    def packaged_models(self) -> Iterator[Finding]:
        """Check which of the packaged models this platform has."""
        for name in model_files.PACKAGED_MODELS:
            what = f"model {name}"
            try:
                options = replace(self.workspace.settings.embed, model=name)
                model = find_model_files(options, self.workspace.models_folder, converts=False)
            except ModelMissing as error:
                yield Finding(what=what, state="note", found=str(error))
                continue
            observed = f"{model.name}, {model.digest[:16]}"
            if name == model_files.PACKAGED_MODEL and not model.has_word_table:
                observed += f", as {MODEL_NAME} is not on this machine"
                step = f"To find Chinese by meaning: {WEIGHTS_REMEDY}"
                yield Finding(what=what, state="note", found=observed, remedy=step)
                continue
            yield Finding(what=what, state="ok", found=observed)

    def prepare(self) -> Iterator[Finding]:
        """Prepare the models of the settings and of every collection."""
        workspace = self.workspace
        yield _prepare_model("settings", workspace, workspace.embedders.open_configured)
        for collection in workspace.list_collections():
            folder = workspace.collection_folder(collection)
            if facts := find_embedder_facts(folder):
                open_own = partial(workspace.embedders.open_own, folder, facts)
                yield _prepare_model(collection, workspace, open_own)
        yield _prepare_reading(workspace)

    def embedder(self) -> Iterator[Finding]:
        """Check whether the embedder's vectors make sense."""
        workspace = self.workspace
        started = time.perf_counter()
        embedder = workspace.embedders.open_configured()
        if embedder.card.words_only:
            return
        texts = ["How do I return an order?", "Sending goods back", "The weather in Oslo"]
        vectors = embedder.embed_passages(texts)
        seconds = time.perf_counter() - started
        similar, different = float(vectors[0] @ vectors[1]), float(vectors[0] @ vectors[2])
        unit = np.allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-3)
        card = embedder.card
        languages = "reads Chinese" if card.reads_cjk else "does not read Chinese: words find it"
        observed = (
            f"{card.name} {card.revision}, {card.dim} dimensions, {languages}, {seconds:.1f} s"
        )
        good = bool(unit) and similar > different
        remedy = (
            ""
            if good
            else f"Its vectors make no sense: delete {workspace.models_folder} and try again."
        )
        yield Finding(what="embedder", state="ok" if good else "bad", found=observed, remedy=remedy)

    def reader(self) -> Iterator[Finding]:
        """Check whether the trained reader is here, and reads."""
        workspace = self.workspace
        if not workspace.settings.reader.enabled:
            yield Finding(what="reader", state="ok", found="off: words choose the answer")
            return
        reader = workspace.reading.reader
        if reader is None:
            observed = f"none: it needs {MODEL_NAME} as the embedder, and weights of its own"
            remedy = "ragdesk tune reader --out FILE, then [advanced.reader] weights = FILE"
            yield Finding(what="reader", state="note", found=observed, remedy=remedy)
            return
        units = [ReaderInput("Orders can be returned within 30 days."), ReaderInput("Hello.")]
        started = time.perf_counter()
        scores = reader("How long can I return an order?", units).scores
        observed = f"{1000 * (time.perf_counter() - started) / len(units):.0f} ms a unit"
        good = bool(scores[0] > scores[1])
        remedy = "" if good else "Its scores make no sense: set advanced.reader.enabled = false."
        yield Finding(what="reader", state="ok" if good else "bad", found=observed, remedy=remedy)

    def collections(self) -> Iterator[Finding]:
        """Check whether each collection can be opened with the embedder that made it."""
        workspace = self.workspace
        if not workspace.list_collections():
            yield Finding(what="collections", state="ok", found="none yet: ragdesk ingest PATH")
        for name in workspace.list_collections():
            what = f"collection {name}"
            try:
                with workspace.open_index(workspace.collection_folder(name)) as index:
                    embedder = workspace.open_embedder(index)
                    observed = f"generation {index.generation}, {index.total:,} chunks, "
                    observed += f"embedder {embedder.card.name}"
                    index.check_canary(embedder.embed_passages([CANARY_TEXT])[0])
                    if count := workspace.make_job(name).count_outdated(index):
                        documents = "document" if count == 1 else "documents"
                        observed += f"; the next ingest reads {count:,} {documents} "
                        observed += "by newer versions"
                    refused, refusal = "; ".join(index.refused), index.refusal
                    outdated, newer = index.words_outdated, index.words_newer
            except IndexesError as error:
                remedy = self._mismatch_remedy(name, type(error)) or (
                    "ragdesk indexes verify, then rollback, or restore FILE --replace"
                )
                remedy = "" if "--re-embed" in str(error) else remedy  # it says more itself
                yield Finding(what=what, state="bad", found=str(error), remedy=remedy)
                continue
            remedy = ""
            if refused and "ragdesk " not in refused:
                step = self._mismatch_remedy(name, refusal) or "See: ragdesk indexes verify"
                remedy = f"An older one answers. {step}"
            elif outdated and not refused:
                refused = f"{observed}; {WORDS_OUTDATED}: its words are of another version and off"
                remedy = self._words_remedy(name, is_newer=newer)
            state: FindingState = "note" if refused else "ok"
            yield Finding(what=what, state=state, found=refused or observed, remedy=remedy)

    def calibrations(self) -> Iterator[Finding]:
        """Check whether each calibration was fitted to the signals of today's desk."""
        workspace = self.workspace
        for name in workspace.list_collections():
            what = f"calibration {name}"
            try:
                calibration = read_calibration(workspace.collection_folder(name))
            except ValueError as error:
                remedy = "It keeps the collection from being opened."
                yield Finding(what=what, state="bad", found=str(error), remedy=remedy)
                continue
            if calibration is None:
                continue
            folder = workspace.collection_folder(name)
            facts = find_embedder_facts(folder)
            try:
                if facts is None:
                    continue
                card = workspace.embedders.open_own(folder, facts).card
            except IndexesError:
                continue  # what is wrong is told with the collection
            versions = describe_signal_versions(card)
            if difference := calibration.describe_mismatch(versions):
                observed = f"set aside: {difference}; decide.floor decides, without a confidence"
                yield Finding(what=what, state="note", found=observed, remedy=f"{FIT_AGAIN}.")
            else:
                yield Finding(what=what, state="ok", found="decides when to answer")

    def _words_remedy(self, name: str, *, is_newer: bool) -> str:
        folder = self.workspace.collection_folder(name)
        return find_words_remedy(folder, is_newer=is_newer).format_sentence(name)

    def _mismatch_remedy(self, name: str, kind: type[Exception] | None) -> str:
        """Return what mends a whole index of another version; "" where it is none, but damaged."""
        if kind is None or not issubclass(kind, IndexMismatch):
            return ""
        if issubclass(kind, WordsOutdated):
            return self._words_remedy(name, is_newer=issubclass(kind, WordsNewer))
        if issubclass(kind, FormatNewer):
            return "Install the version of ragdesk that wrote it, or a newer one."
        return f"Take the documents in again: ragdesk ingest PATH --collection {name}"

    def keys(self) -> Iterator[Finding]:
        """Check whether anybody could ask over HTTP."""
        workspace = self.workspace
        url = workspace.settings.support.database
        if not url and not (workspace.home / DATABASE_FILE).is_file():
            yield Finding(what="keys", state="ok", found="none: the desk is open on loopback only")
            return
        with closing(open_home_database(workspace.home, url)) as database:
            keys = KeyStore(workspace.home, database)
            usable = keys.has_valid_key()
            has_keys = keys.has_had_keys()
        observed = "none"
        if usable:
            observed = "valid ones stand"
        elif has_keys:
            observed = "none that is valid"
        remedy = (
            "Nobody can ask over HTTP: ragdesk keys create NAME" if has_keys and not usable else ""
        )
        yield Finding(what="keys", state="note" if remedy else "ok", found=observed, remedy=remedy)


def _prepare_model(owner: str, workspace: Workspace, open_model: Callable[[], Embedder]) -> Finding:
    """Prepare the model of the settings or of a collection; what fails is a finding."""
    started = time.perf_counter()
    try:
        embedder = open_model()
        workspace.open_background(embedder)
    except (IndexesError, SettingsError) as error:
        return Finding(what=f"prepare {owner}", state="bad", found=str(error))
    seconds = time.perf_counter() - started
    return Finding(
        what=f"prepare {owner}", state="ok", found=f"{embedder.card.name} is ready, {seconds:.1f} s"
    )


def _prepare_reading(workspace: Workspace) -> Finding:
    """Prepare what answers are read with beside the embedder; what fails is a finding."""
    started = time.perf_counter()
    try:
        workspace.reading.prepare_models()
    except IndexesError as error:
        return Finding(what="prepare reading", state="bad", found=str(error))
    seconds = time.perf_counter() - started
    return Finding(what="prepare reading", state="ok", found=f"ready, {seconds:.1f} s")
