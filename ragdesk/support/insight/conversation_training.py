"""Learn intents from the questions that agents and editors labelled, without personal data.

Where the home has no intents of a file of its operator's, the sentences of ours are learnt beside
them: what nobody labelled yet is told as before. The labelled questions alone judge.
"""

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from indexes.embedding.embedder import Embedder
from ragdesk.errors import SettingsError
from ragdesk.support.access import KEY_PREFIX, LOCAL_PRINCIPAL
from ragdesk.support.insight.insight_model import read_insight_model
from ragdesk.support.insight.intent_labels import LabelledTurn
from ragdesk.support.insight.intent_training import (
    FEWEST_OF_LABEL,
    OWN_FIT,
    USED_TURNS,
    IntentTraining,
    TrainingBasis,
    is_held_out,
    train_intents,
)
from ragdesk.support.insight.intents import OUT_OF_SCOPE, LabelledText, read_packaged_examples
from ragdesk.support.insight.model_fit import FitOptions, fold_words
from ragdesk.support.insight.question_insight import OWN_INTENTS, PACKAGED_INTENTS

FEWEST_TURNS: Final = 50  # a fifth of them judges: of fewer than ten nothing can be said
# What the card of a model calls what was learnt beside the turns.
PACKAGED_BASIS: Final = "packaged"
FILE_BASIS: Final = "file"


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnExample:
    """A labelled turn, and its question as it is learnt: without personal data."""

    turn: LabelledTurn
    example: LabelledText


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationTraining:
    """What a training on conversations came to.

    intents: how many labelled questions of each were used. left_out: the same of intents of which
    there are too few. turns: where the turns that were used are listed; None where nothing was
    written.
    """

    training: IntentTraining
    intents: Mapping[str, int]
    left_out: Mapping[str, int]
    turns: Path | None


def train_on_conversations(  # noqa: PLR0913, one parameter a source of what is learnt
    home: Path,
    turns: Iterable[LabelledTurn],
    redact: Callable[[str], str],
    embedder: Embedder,
    *,
    file_examples: Sequence[LabelledText] = (),
    packaged_examples: Callable[[], Sequence[LabelledText]] = read_packaged_examples,
    options: FitOptions = OWN_FIT,
) -> ConversationTraining:
    """Train a home's intents on labelled questions, and on the examples of a file where given.

    redact: takes personal data out of a question. They replace what holds, ours too, only where
    they do no worse on a fifth that is held out. Raises SettingsError where too few are labelled,
    or intents of the operator's would be forgotten.
    """
    is_ours = not file_examples and _rests_on_ours(home)
    taught = packaged_examples() if is_ours else ()
    labelled = [_make_example(turn, redact) for turn in turns]
    used, left_out = _leave_rare_out(labelled, [*file_examples, *taught])
    if len(used) < FEWEST_TURNS:
        raise SettingsError(_describe_few(len(used), left_out))
    examples = [*file_examples, *(turn_example.example for turn_example in used)]
    if not is_ours and not file_examples:
        _refuse_forgetting(home, examples)
    listed = _format_turns(used)
    facts: dict[str, Any] = {
        "turns": {"count": len(used), "sha256": hashlib.sha256(listed).hexdigest()},
        "basis": PACKAGED_BASIS if is_ours else FILE_BASIS,
    }
    basis = TrainingBasis(texts=taught, rival=PACKAGED_INTENTS, facts=facts)
    training = train_intents(home, examples, embedder, options, basis)
    return ConversationTraining(
        training=training,
        intents=dict(sorted(Counter(turn_example.turn.intent for turn_example in used).items())),
        left_out=left_out,
        turns=_write_turns(home / USED_TURNS, listed) if training.kept else None,
    )


def _rests_on_ours(home: Path) -> bool:
    """Tell whether a home's intents are ours: no own ones, or such as were learnt beside ours."""
    file = home / OWN_INTENTS
    return not file.exists() or read_insight_model(file).card.get("basis") == PACKAGED_BASIS


def _make_example(turn: LabelledTurn, redact: Callable[[str], str]) -> TurnExample:
    # By the key of a website's own server all its customers ask: there a conversation is a writer.
    is_shared = turn.person == LOCAL_PRINCIPAL.person or turn.person.startswith(KEY_PREFIX)
    writer = turn.conversation if is_shared else turn.person
    text = redact(turn.question)
    return TurnExample(turn=turn, example=LabelledText(text=text, label=turn.intent, writer=writer))


def _leave_rare_out(
    labelled: Sequence[TurnExample], others: Sequence[LabelledText]
) -> tuple[list[TurnExample], dict[str, int]]:
    """Return the turns of intents with enough different examples, and how many of others."""
    words: defaultdict[str, set[str]] = defaultdict(set)
    for example in (*others, *(turn.example for turn in labelled)):
        words[example.label].add(fold_words(example.text))
    rare = {label for label, texts in words.items() if len(texts) < FEWEST_OF_LABEL}
    used = [
        turn_example
        for turn_example in labelled
        if turn_example.turn.intent not in rare and turn_example.example.text.strip()
    ]
    left_out = Counter(
        turn_example.turn.intent for turn_example in labelled if turn_example.turn.intent in rare
    )
    return used, dict(sorted(left_out.items()))


def _describe_few(count: int, left_out: Mapping[str, int]) -> str:
    rare = f" Too few of one intent (at least {FEWEST_OF_LABEL}): {', '.join(left_out)}."
    return (
        f"There are {count} labelled questions to learn from, and it takes {FEWEST_TURNS}."
        f"{rare if left_out else ''} Agents and editors label them in the inbox, at a customer's "
        "message."
    )


def _refuse_forgetting(home: Path, examples: Sequence[LabelledText]) -> None:
    """Raise SettingsError where intents of the operator's are among no examples."""
    known = set(read_insight_model(home / OWN_INTENTS).classifier.labels)
    if lost := sorted(known - {example.label for example in examples} - {OUT_OF_SCOPE}):
        raise SettingsError(
            f"The labelled questions do not teach all of your own intents: {', '.join(lost)} would "
            "be forgotten. Name the file that taught them as well: ragdesk insight train FILE "
            "--from-conversations."
        )


def _format_turns(used: Sequence[TurnExample]) -> bytes:
    """Return the turns as JSON lines: ids, never a text or a person."""
    lines = [
        {
            "turn": turn_example.turn.turn,
            "intent": turn_example.turn.intent,
            "labelled": turn_example.turn.labelled,
            "part": "held_out" if is_held_out(turn_example.example) else "learnt",
        }
        for turn_example in used
    ]
    return "".join(f"{json.dumps(line, ensure_ascii=False)}\n" for line in lines).encode()


def _write_turns(file: Path, listed: bytes) -> Path:
    draft = file.with_name(f".tmp-{file.name}")
    draft.write_bytes(listed)
    draft.replace(file)
    return file
