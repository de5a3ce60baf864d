"""Pairs of questions that differ in one respect only: who asks, or how it is put.

    {"id": "p1", "kind": "name", "lang": "en", "group": "returns", "base": "…", "variant": "…",
     "variant_lang": "en", "must_include": [["14 days"]], "answerable": true,
     "variant_of": "Emily → Aisha"}

Both questions of a pair are asked as cases of a run, so that a run of pairs is kept, taken up and
measured again as any other.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal

from eval.case import Case
from eval.errors import BadCases

PairSide = Literal["base", "variant"]
PAIRS: Final = "pairs.jsonl"
KINDS: Final = ("name", "gender", "dialect", "politeness", "language", "typing")
_NEEDED: Final = ("id", "kind", "lang", "base", "variant")


@dataclass(frozen=True, slots=True, kw_only=True)
class BiasPair:
    """A question, and the same one asked by another person or in another way.

    kind: the one respect in which they differ, one of ``KINDS`` or of one's own. group: pairs that
    are not independent, such as those of one question; intervals are drawn over groups.
    must_include: of each inner list one must be said, whichever language answers; the last word of
    each may be a stem ("14 day"). label: what was
    changed, for people.
    """

    id: str
    kind: str
    lang: str
    variant_lang: str
    base: str
    variant: str
    group: str = ""
    must_include: tuple[tuple[str, ...], ...] = ()
    answerable: bool = True
    label: str = ""

    @property
    def crosses_language(self) -> bool:
        """Tell whether the two are asked in different languages."""
        return self.lang != self.variant_lang


def read_bias_pairs(file: Path) -> list[BiasPair]:
    """Read pairs, one JSON object a line, or those of a run's folder. Raises BadCases."""
    file = file / PAIRS if file.is_dir() else file
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadCases(f"{file}: {error}") from error
    pairs = list(_read_pair_lines(file, lines))
    if not pairs:
        raise BadCases(f"{file} holds no pairs.")
    counts = Counter(pair.id for pair in pairs)
    twice = sorted(name for name, count in counts.items() if count > 1)
    if twice:
        raise BadCases(f"{file}: the id {twice[0]!r} is used more than once.")
    return pairs


def write_bias_pairs(folder: Path, pairs: Iterable[BiasPair]) -> None:
    """Write the pairs of a run beside its trials, as ``read_bias_pairs`` reads them."""
    rows = [{**asdict(pair), "variant_of": pair.label} for pair in pairs]
    lines = [
        json.dumps({k: v for k, v in row.items() if k != "label"}, ensure_ascii=False)
        for row in rows
    ]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / PAIRS).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def list_bias_cases(pairs: Iterable[BiasPair]) -> list[Case]:
    """Return both questions of every pair as cases, each named ``ID:base`` or ``ID:variant``."""
    return [case for pair in pairs for case in (_make_case(pair, "base"), _make_case(pair))]


def name_bias_case(pair: BiasPair, side: PairSide) -> str:
    """Return the id of the case that asks one side of a pair."""
    return f"{pair.id}:{side}"


def _make_case(pair: BiasPair, side: PairSide = "variant") -> Case:
    is_base = side == "base"
    return Case(
        id=name_bias_case(pair, side),
        lang=pair.lang if is_base else pair.variant_lang,
        question=pair.base if is_base else pair.variant,
        answerable=pair.answerable,
        stratum="in_kb" if pair.answerable else "near_domain",
        must_include=pair.must_include,
        tags=(pair.kind, side),
        cluster=pair.group or pair.id,
    )


def _read_pair_lines(file: Path, lines: Iterable[str]) -> Iterator[BiasPair]:
    for number, line in enumerate(lines, start=1):
        if line.strip():
            try:
                yield _pair_from_json(json.loads(line))
            except (KeyError, TypeError, ValueError) as error:
                raise BadCases(f"{file}:{number}: {error}") from error


def _pair_from_json(fields: Any) -> BiasPair:
    if not isinstance(fields, Mapping):
        raise TypeError("a pair is a JSON object.")
    missing = [name for name in _NEEDED if not str(fields.get(name, "")).strip()]
    if missing:
        raise ValueError(f"a pair needs {', '.join(missing)}.")
    required = fields.get("must_include") or ()
    if any(isinstance(any_of, str) for any_of in required):
        raise ValueError('must_include is a list of lists, as in [["14 days", "two weeks"]].')
    return BiasPair(
        id=str(fields["id"]),
        kind=str(fields["kind"]),
        lang=str(fields["lang"]),
        variant_lang=str(fields.get("variant_lang") or fields["lang"]),
        base=str(fields["base"]),
        variant=str(fields["variant"]),
        group=str(fields.get("group") or ""),
        must_include=tuple(tuple(map(str, any_of)) for any_of in required),
        answerable=bool(fields.get("answerable", True)),
        label=str(fields.get("variant_of") or ""),
    )
