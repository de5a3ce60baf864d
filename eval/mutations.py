"""Run the mutation suite: detection rate for each kind of error, and false alarms.

Sentences come from answers that every rater called fully faithful; they are paraphrases, so no
check can pass by matching strings. Swapped and dropped citations are tried on the same sentences,
each cited to the passage that carries it best.
"""

import random
from collections.abc import Sequence
from typing import Any

from eval import faithfulness, stats
from eval.imports.rated import RatedText
from eval.mutate import MUTATION_KINDS, Mutation, list_entities, mutate_sentence
from eval.target_reply import split_marked_text
from eval.validate import compute_idf
from eval.violations import LABEL, list_violations
from indexes.text.coverage import Idf

MUTATION_SEED = 20261123
LABELLED = "entity_in_label"  # of a list item: labels order an answer and count as no claim
Counts = dict[str, list[float]]


def run_mutation_suite(rated: Sequence[RatedText]) -> dict[str, Any]:
    """Return, per kind of error, the share detected, and the share of true texts flagged.

    Only texts with the highest rating of the set are broken.
    """
    best = max(rated_text.rating for rated_text in rated)
    good = [
        rated_text
        for rated_text in rated
        if rated_text.rating == best and any(map(str.strip, rated_text.sources))
    ]
    idf = compute_idf([source for rated_text in rated for source in rated_text.sources])
    names = list_entities([source for rated_text in rated for source in rated_text.sources])
    dice = random.Random(MUTATION_SEED)  # noqa: S311, nothing is kept secret by it
    detected: Counts = {
        kind: [] for kind in (*MUTATION_KINDS, LABELLED, "citation_swapped", "citation_dropped")
    }
    alarms: Counts = {"texts": [], "sentences": []}
    for rated_text in good:
        sentences = [
            part.text
            for part in split_marked_text(rated_text.text)
            if faithfulness.extract_claimed_words(part.text)
        ]
        flagged = [_flag_mutations(sentence, rated_text, idf) for sentence in sentences]
        alarms["sentences"] += [float(bool(some)) for some in flagged]
        if sentences:
            alarms["texts"].append(float(any(flagged)))
        for sentence, before in zip(sentences, flagged, strict=True):
            for kind in MUTATION_KINDS:
                broken = mutate_sentence(sentence, kind, dice, names)
                if broken:
                    is_detected = bool(_flag_mutations(broken.after, rated_text, idf) - before)
                    detected[_mutation_kind(broken)].append(float(is_detected))
            pool = [s for other in dice.sample(list(rated), 8) for s in other.sources]
            swapped = _check_wrong_citation(
                sentence, rated_text, pool[: len(pool) // 2] or pool, idf
            )
            if swapped is not None:
                detected["citation_swapped"].append(float(swapped))
                detected["citation_dropped"].append(
                    float(not is_supported_by_quotes(sentence, [], idf))
                )
    return {
        "found": {kind: _mean_share(values) for kind, values in detected.items() if values},
        "false_alarms": {name: _mean_share(values) for name, values in alarms.items() if values},
    }


def is_supported_by_quotes(
    sentence: str, quotes: Sequence[str], idf: Idf, beside: str = ""
) -> bool:
    """Tell whether quotes support a sentence: enough of its words, and no contradiction."""
    share = faithfulness.compute_support(sentence, faithfulness.collect_knowledge(quotes), idf)
    enough = share >= faithfulness.SUPPORTED
    return bool(quotes) and enough and not list_violations(sentence, quotes, idf, beside)


def _check_wrong_citation(
    sentence: str, cited_text: RatedText, pool: Sequence[str], idf: Idf
) -> bool | None:
    """Tell whether a wrong citation is detected; None where no right one supports the sentence."""
    best = max(
        cited_text.sources,
        key=lambda s: faithfulness.compute_support(
            sentence, faithfulness.collect_knowledge([s]), idf
        ),
    )
    others = [source for source in pool if source not in cited_text.sources]
    if not others or not is_supported_by_quotes(sentence, [best], idf, cited_text.name_context):
        return None
    return not is_supported_by_quotes(sentence, [others[0]], idf, cited_text.name_context)


def _mutation_kind(broken: Mutation) -> str:
    """Distinguish a name in a list item's label ("**Name**: …") from one in the text."""
    same = LABEL.sub("", broken.before) == LABEL.sub("", broken.after)
    return LABELLED if same and broken.kind == "entity" else broken.kind


def _flag_mutations(sentence: str, rated_text: RatedText, idf: Idf) -> set[tuple[str, str]]:
    violations = list_violations(sentence, rated_text.sources, idf, rated_text.name_context)
    return {(flag.kind, flag.words) for flag in violations}


def _mean_share(values: Sequence[float]) -> dict[str, float | int]:
    estimate = stats.estimate_proportion(values)
    low, high = round(estimate.low, 4), round(estimate.high, 4)
    return {"value": round(estimate.value, 4), "ci_low": low, "ci_high": high, "n": len(values)}
