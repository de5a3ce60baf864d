"""What an approved entry did since: asked again, answered from it, liked. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryEffect:
    """Answers that cite an entry's document, and what people thought of them."""

    answered: int = 0
    liked: int = 0
    disliked: int = 0


def count_effects(
    answers: Iterable[tuple[Mapping[str, Any], int, int]], uris: Iterable[str]
) -> dict[str, EntryEffect]:
    """Count for each uri of an entry the answers that cite it.

    answers: as they were kept, each with its likes and dislikes.

    >>> effects = count_effects([({"citations": [{"uri": "a.csv"}]}, 1, 0)], ["a.csv", "b.csv"])
    >>> effects["a.csv"].answered, effects["b.csv"].answered
    (1, 0)
    """
    effects = {uri: EntryEffect() for uri in uris}
    for answer, likes, dislikes in answers:
        cited = {place.get("uri") for place in answer.get("citations") or ()}
        for uri in cited & effects.keys():
            before = effects[uri]
            effects[uri] = EntryEffect(
                answered=before.answered + 1,
                liked=before.liked + likes,
                disliked=before.disliked + dislikes,
            )
    return effects
