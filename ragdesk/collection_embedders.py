"""Find the embedder of each collection: the one that made its vectors, or the next ingest's.

A manifest names its embedder by name, digest, recipe and prefixes. Candidates are what is
remembered of the collection (``ingest/model_memory.py``), the model of the settings, and the
packaged ones: the first whose card is that of the manifest. Files of a model are hashed, which
is remembered, before one is loaded: no model is loaded that cannot be the right one.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from indexes.embedding import embedding_rate
from indexes.embedding.embedder import Embedder, EmbedOptions, find_model_files
from indexes.embedding.embedder_pool import EmbedderPool
from indexes.embedding.model_files import NO_MODEL, PACKAGED_MODEL, PACKAGED_MODELS, ModelFiles
from indexes.embedding.quantised_weights import WEIGHTS_REMEDY, WEIGHTS_SHA256
from indexes.embedding.recipes import split_revision
from indexes.embedding.weights_conversion import MODEL_NAME
from indexes.errors import IndexMismatch, ModelMissing
from indexes.store.segments import describe_embedder_mismatch
from indexes.upkeep.history import find_embedder_facts
from ingest.errors import IngestError
from ingest.model_memory import ModelMemory, ModelPlace, read_model_memory
from ragdesk.errors import SettingsError

EmbedderFacts = Mapping[str, Any]  # as a segment's manifest names its embedder
_NAMES = frozenset({*PACKAGED_MODELS, NO_MODEL})


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbedderChoice:
    """The embedder that a collection's next change uses.

    facts: of the embedder that made the collection so far; None for a new one. moves_to: name of
    the model that settings would give a new collection, where this one keeps another. is_chosen:
    whether it is this collection's from now on, whatever settings name; None: as it was.
    """

    options: EmbedOptions
    embedder: Embedder
    facts: EmbedderFacts | None = None
    moves_to: str | None = None
    is_chosen: bool | None = None

    @property
    def place(self) -> ModelPlace:
        """Return what is to be remembered of the model."""
        return _place_of(self.options)


class CollectionEmbedders:
    """Opens embedders by collection.

    options: of the settings. fixed: the one embedder for all, in place of any model.
    """

    def __init__(
        self, options: EmbedOptions, pool: EmbedderPool, fixed: Embedder | None = None
    ) -> None:
        self._options = options
        self.pool = self._pool = pool
        self._fixed = fixed

    def open_configured(self) -> Embedder:
        """Open the embedder of the settings. Raises ModelMissing."""
        return self._fixed or self._pool.open(self._options)

    def open_own(self, collection: Path, facts: EmbedderFacts) -> Embedder:
        """Open the embedder that made some vectors, as their manifest names it.

        Raises IndexMismatch, naming the model, where none fits.
        """
        if self._fixed:
            if difference := describe_embedder_mismatch(facts, self._fixed.card):
                raise IndexMismatch(f"Collection {collection.name}: {difference}.")
            return self._fixed
        return self._open_fitting(collection.name, facts, _read_memory(collection))[1]

    def choose(
        self, collection: Path, *, model: str | None = None, re_embed: bool = False
    ) -> EmbedderChoice:
        """Choose the embedder of an ingest.

        model: what was asked for at the command line. re_embed: move to the settings' model, or to
        the one that was chosen for this collection. Raises ModelMissing, SettingsError.
        """
        if self._fixed:
            return EmbedderChoice(options=self._options, embedder=self._fixed)
        facts = find_embedder_facts(collection)
        memory = _read_memory(collection)
        is_chosen = None if model is None else not self.follows_settings(model)
        if re_embed and memory.is_chosen and not self._can_find(memory.places[0].model):
            memory = replace(memory, is_chosen=False)  # its folder is gone
            is_chosen = bool(is_chosen)
        wanted = self._wanted_options(model, memory)
        is_move = model is not None or re_embed
        if facts is not None and wanted.model == PACKAGED_MODEL and not is_move:
            self._check_weights(collection.name, facts)
        keeps = memory.is_chosen or (facts is not None and self._keeps_model(facts, wanted))
        if facts is not None and keeps and not is_move:
            return self._keep(collection.name, facts, memory, wanted)
        return EmbedderChoice(
            options=wanted,
            embedder=self._pool.open(wanted),
            facts=facts,
            is_chosen=is_chosen,
        )

    def choose_own(self, collection: Path) -> EmbedderChoice:
        """Choose the embedder of a change that must not embed anew what it is not about.

        It is the collection's own; for a new one, that of the settings. Raises IndexMismatch.
        """
        facts = None if self._fixed else find_embedder_facts(collection)
        if facts is None:
            return self.choose(collection)
        memory = _read_memory(collection)
        try:
            options, embedder = self._open_fitting(collection.name, facts, memory)
        except IndexMismatch:
            same = self._find_same_model(facts, memory)
            if same is None:
                raise
            options, embedder = same, self._pool.open(same)
        return EmbedderChoice(options=options, embedder=embedder, facts=facts)

    def _check_weights(self, collection: str, facts: EmbedderFacts) -> None:
        """Raise ModelMissing where a collection's packaged model is not on this machine.

        ``packaged`` is another model here, to which nobody asked to move.
        """
        if _is_multilingual(facts) and not self._names_model(facts, PACKAGED_MODEL):
            raise ModelMissing(_describe_missing(collection, facts, None))

    def describe_move(self, choice: EmbedderChoice) -> str | None:
        """Describe how a choice differs from what made the collection; None where it does not."""
        if choice.facts is None:
            return None
        return describe_embedder_mismatch(choice.facts, choice.embedder.card)

    def load_rate(self, embedder: Embedder) -> float:
        """Return how many texts a second an embedder does on this machine, measured once."""
        return embedding_rate.load_rate(embedder, self._pool.cache)

    def follows_settings(self, model: str) -> bool:
        """Tell whether a model asked for at the command line is the settings' own."""
        return _resolve_name(model) == _resolve_name(self._options.model)

    def _keep(
        self, name: str, facts: EmbedderFacts, memory: ModelMemory, wanted: EmbedOptions
    ) -> EmbedderChoice:
        """Keep a collection's model; a newer way of making its vectors is no other model."""
        try:
            options, embedder = self._open_fitting(name, facts, memory)
        except IndexMismatch:
            options = self._find_same_model(facts, memory) or wanted
            embedder = self._pool.open(options)
        target: str | None = None
        if wanted.model == PACKAGED_MODEL:
            target = self._identify_model(wanted.model).name
        return EmbedderChoice(
            options=options,
            embedder=embedder,
            facts=facts,
            moves_to=None if target == embedder.card.name else target,
        )

    def _wanted_options(self, model: str | None, memory: ModelMemory) -> EmbedOptions:
        """Return what was asked for, else chosen for the collection, else set."""
        if model is None and memory.is_chosen:
            return self._place_options(memory.places[0])
        if model is None or self.follows_settings(model):
            return self._options
        name = _resolve_name(model)
        known = next((p for p in memory.places if p.model == name), ModelPlace(model=name))
        if model in _NAMES:
            return self._place_options(known)
        settings = self._options  # prefixes that are set go before those of an earlier time
        return self._place_options(
            replace(
                known,
                query_prefix=settings.query_prefix or known.query_prefix,
                passage_prefix=settings.passage_prefix or known.passage_prefix,
            )
        )

    def _place_options(self, place: ModelPlace) -> EmbedOptions:
        reads_cjk = self._options.reads_cjk if self.follows_settings(place.model) else None
        return replace(
            self._options,
            model=place.model,
            query_prefix=place.query_prefix,
            passage_prefix=place.passage_prefix,
            reads_cjk=reads_cjk,
        )

    def _keeps_model(self, facts: EmbedderFacts, wanted: EmbedOptions) -> bool:
        """Tell whether the settings leave a collection the embedder that it has.

        They do where nothing that they say expressly is otherwise: ``packaged`` is any of the
        packaged models, and ``auto`` any backend.
        """
        prefixes = facts.get("prefixes", {})
        for name, prefix in (("query", wanted.query_prefix), ("passage", wanted.passage_prefix)):
            is_default = not prefix and wanted.model in _NAMES
            if not is_default and prefix != prefixes.get(name, ""):
                return False
        on_card = wanted.backend == "auto" and wanted.device not in {"auto", "cpu"}
        backend = "torch" if on_card else wanted.backend
        is_any = backend == "auto" or facts["name"] == NO_MODEL
        if not is_any and (backend == "onnx-int8") != _is_int8(facts):
            return False
        models = PACKAGED_MODELS if wanted.model == PACKAGED_MODEL else (wanted.model,)
        return any(self._names_model(facts, model) for model in models)

    def _names_model(self, facts: EmbedderFacts, model: str) -> bool:
        try:
            return names_model(facts, self._identify_model(model))
        except ModelMissing:
            return False

    def _can_find(self, model: str) -> bool:
        try:
            self._identify_model(model)
        except ModelMissing:
            return False
        return True

    def _identify_model(self, model: str) -> ModelFiles:
        """Find a model by its name, without making it ready to be used. Raises ModelMissing."""
        options = replace(self._options, model=model)
        return find_model_files(options, self._pool.cache, converts=False)

    def _candidates(self, memory: ModelMemory) -> Iterator[str]:
        names = [place.model for place in memory.places]
        yield from dict.fromkeys([*names, self._options.model, *PACKAGED_MODELS, NO_MODEL])

    def _find_same_model(self, facts: EmbedderFacts, memory: ModelMemory) -> EmbedOptions | None:
        """Find a model whose files are those of a manifest, whatever the recipe."""
        for model in self._candidates(memory):
            if self._names_model(facts, model):
                return next(self._iter_options(facts, model))
        return None

    def _open_fitting(
        self, collection: str, facts: EmbedderFacts, memory: ModelMemory
    ) -> tuple[EmbedOptions, Embedder]:
        """Open the first candidate whose card is that of a manifest. Raises IndexMismatch."""
        difference: str | None = None
        for model in self._candidates(memory):
            if not self._names_model(facts, model):
                continue
            for options in self._iter_options(facts, model):
                embedder = self._pool.open(options)
                mismatch = describe_embedder_mismatch(facts, embedder.card)
                if mismatch is None:
                    return options, embedder
                difference = difference or mismatch
        raise IndexMismatch(_describe_missing(collection, facts, difference))

    def _iter_options(self, facts: EmbedderFacts, model: str) -> Iterator[EmbedOptions]:
        """Yield the options by which a model may give the vectors of a manifest."""
        prefixes = facts.get("prefixes", {})
        options = self._place_options(
            ModelPlace(
                model=model,
                query_prefix=prefixes.get("query", ""),
                passage_prefix=prefixes.get("passage", ""),
            )
        )
        if facts["name"] == NO_MODEL:
            yield options
        elif _is_int8(facts):
            yield replace(options, backend="onnx-int8", device="cpu")
        else:
            if options.backend != "onnx-int8":
                yield options
            yield replace(options, backend="onnx", device="cpu")


def names_model(facts: EmbedderFacts, model: ModelFiles) -> bool:
    """Tell whether a manifest names a model: its name, and the digest of its files."""
    if facts["name"] != model.name:
        return False
    return model.name == NO_MODEL or str(facts["revision"]).startswith(model.digest[:16])


def _is_multilingual(facts: EmbedderFacts) -> bool:
    """Tell whether a manifest names the packaged multilingual model, here or not."""
    return facts["name"] == MODEL_NAME and str(facts["revision"]).startswith(WEIGHTS_SHA256[:16])


def _is_int8(facts: EmbedderFacts) -> bool:
    revision = str(facts["revision"])
    return split_revision(revision)[0] != revision


def _read_memory(collection: Path) -> ModelMemory:
    """Read what is remembered. Raises SettingsError where the file is damaged."""
    try:
        return read_model_memory(collection)
    except IngestError as error:
        raise SettingsError(str(error)) from error


def _resolve_name(model: str) -> str:
    """Return a model's name, or the absolute path of its folder."""
    return model if model in _NAMES else str(Path(model).expanduser().resolve())


def _place_of(options: EmbedOptions) -> ModelPlace:
    return ModelPlace(
        model=_resolve_name(options.model),
        query_prefix=options.query_prefix,
        passage_prefix=options.passage_prefix,
    )


def _describe_missing(collection: str, facts: EmbedderFacts, difference: str | None) -> str:
    """Say which model a collection wants, and what to do about it."""
    if difference:
        return (
            f"Collection {collection}: {difference}. "
            f"Take the documents in again: ragdesk ingest PATH --collection {collection}"
        )
    step = f"ragdesk ingest PATH --re-embed --collection {collection}"
    if _is_multilingual(facts):
        return (
            f"Collection {collection} was built by the packaged model {MODEL_NAME}, whose weights "
            f"are not on this machine: {WEIGHTS_REMEDY}. Or move the collection to another model: "
            f"{step}"
        )
    return (
        f"Collection {collection} was built by another embedder than those at hand: it wants the "
        f"model {facts['name']} ({facts['revision']}), which is not where it was, nor named by "
        "[embed] model, nor packaged here. Put its folder back, name it as [embed] model, or move "
        f"the collection to another model: {step}"
    )
