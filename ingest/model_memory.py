"""Remember what a collection's manifest lacks: where its models lie, and who chose them.

A manifest names its embedder by name and digest. To open it again takes the folder of a local
model, which stands in ``embedder.json`` beside the index, with those of older generations.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from indexes.store import durability
from indexes.store.extra_files import ExtraFile
from indexes.store.paths import read_plain
from indexes.store.strict_json import check_text, checksum_facts, parse_json
from ingest.errors import IngestError

MODEL_MEMORY_FILE = "embedder.json"
MOST_PLACES = 8  # models that are remembered, the newest first
_MOST_BYTES = 1 << 16
_LONGEST_NAME = 4_096
_LONGEST_PREFIX = 1_000
_KEYS = {"format", "chosen", "models", "checksum"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelPlace:
    """A model as settings name it: a folder, or a name; and what stands before its texts."""

    model: str
    query_prefix: str = ""
    passage_prefix: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelMemory:
    """The models of a collection. places: the newest first.

    is_chosen: the newest was chosen for this collection alone; it stays whatever settings name.
    """

    is_chosen: bool = False
    places: tuple[ModelPlace, ...] = ()

    def add_place(self, place: ModelPlace) -> "ModelMemory":
        """Return the memory with a model in front."""
        others = [known for known in self.places if known != place]
        places = (place, *others)[:MOST_PLACES]
        return ModelMemory(is_chosen=self.is_chosen, places=places)


def read_model_memory(collection: Path) -> ModelMemory:
    """Read what is remembered of a collection's models. Raises IngestError where it is damaged."""
    file = collection / MODEL_MEMORY_FILE
    try:
        return _parse_memory(parse_json(read_plain(file, most=_MOST_BYTES), most=_MOST_BYTES))
    except (FileNotFoundError, NotADirectoryError):
        return ModelMemory()
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise IngestError(
            f"{file} is damaged ({error}). Put its backup in place, or remove it: then models are "
            "found by the settings alone."
        ) from error


def write_model_memory(collection: Path, memory: ModelMemory) -> None:
    """Remember a collection's models, in one step; the same again is not written. OSError."""
    if memory == read_model_memory(collection):
        return
    facts: dict[str, Any] = {
        "format": 1,
        "chosen": memory.is_chosen,
        "models": [asdict(place) for place in memory.places],
    }
    facts["checksum"] = checksum_facts(facts)
    content = json.dumps(facts, indent=1, sort_keys=True)
    durability.replace_file(collection / MODEL_MEMORY_FILE, f"{content}\n".encode())


def _parse_memory(facts: Mapping[str, Any]) -> ModelMemory:
    """Check and read the content of the file. Raises ValueError, KeyError, TypeError."""
    if set(facts) != _KEYS or facts["format"] != 1 or type(facts["chosen"]) is not bool:
        raise ValueError("it says what no embedder.json of ours does")
    if facts["checksum"] != checksum_facts(facts):
        raise ValueError("its checksum is wrong")
    models = facts["models"]
    if not isinstance(models, list) or len(models) > MOST_PLACES:
        raise ValueError("it names too many models")
    if facts["chosen"] and not models:
        raise ValueError("a model was chosen, and none is named")
    places = tuple(_parse_place(**place) for place in models)
    return ModelMemory(is_chosen=facts["chosen"], places=places)


def _parse_place(*, model: object, query_prefix: object, passage_prefix: object) -> ModelPlace:
    name = check_text(model, most=_LONGEST_NAME)
    if not name or "\0" in name:
        raise ValueError("a model has no name")
    return ModelPlace(
        model=name,
        query_prefix=check_text(query_prefix, most=_LONGEST_PREFIX),
        passage_prefix=check_text(passage_prefix, most=_LONGEST_PREFIX),
    )


def _check_memory(values: Any) -> None:
    _parse_memory(values)


# A backup's says where the models of its own content lie.
MODEL_MEMORY_EXTRA_FILE = ExtraFile(
    name=MODEL_MEMORY_FILE, check=_check_memory, is_newer_here=False
)
