"""What an approved entry did since it was published: asked again, answered, liked. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptAnswer:
    """An answer that was given. time: seconds since 1970. cited: uris of what it cites."""

    time: int
    cited: frozenset[str]
    likes: int = 0
    dislikes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryEffect:
    """What became of an entry's question since it was published.

    questions: how often it was asked again; of these answered cite the entry. liked, disliked: by
    how many people.
    """

    questions: int = 0
    answered: int = 0
    liked: int = 0
    disliked: int = 0


def count_effects(
    answers: Iterable[KeptAnswer], published: Mapping[str, int], misses: Mapping[str, int]
) -> dict[str, EntryEffect]:
    """Count for each uri of an entry the answers that cite it, those since its publication alone.

    published: uri to seconds since 1970. misses: uri to how often its question went wrong since.

    >>> answers = [KeptAnswer(time=9, cited=frozenset({"a.csv"}), likes=1)]
    >>> count_effects(answers, {"a.csv": 9, "b.csv": 0}, {"a.csv": 2})["a.csv"]
    EntryEffect(questions=3, answered=1, liked=1, disliked=0)
    >>> count_effects(answers, {"a.csv": 10}, {})["a.csv"].answered
    0
    """
    totals = {uri: [misses.get(uri, 0), 0, 0, 0] for uri in published}
    for answer in answers:
        for uri in answer.cited & published.keys():
            if answer.time >= published[uri]:
                added = (1, 1, answer.likes, answer.dislikes)
                totals[uri] = [old + new for old, new in zip(totals[uri], added, strict=True)]
    return {
        uri: EntryEffect(questions=questions, answered=answered, liked=liked, disliked=disliked)
        for uri, (questions, answered, liked, disliked) in totals.items()
    }
