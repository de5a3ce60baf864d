"""Quote what the documents say to do in an accident, in their own words, whatever else was found.

A passage that shares the hazard of a turn and says what to do about it is quoted first: one that
only names the thing ("smoke grey, 12 euros") is not. Where none stands among the passages of the
turn, they are looked for by the hazard itself.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from indexes.chunk import Passage
from indexes.text.folding import normalise_text
from indexes.text.list_items import starts_list_item
from indexes.text.sentences import split_sentences
from ragdesk.answering.statement import Quote, Statement

MOST_PASSAGES: Final = 1  # that is quoted: a second one says the same, or is about something else
MOST_QUOTED_SENTENCES: Final = 4  # of one passage, from the first that names the hazard on
MOST_STEPS: Final = 10  # of a list of steps


@dataclass(frozen=True, slots=True)
class Hazard:
    """A kind of accident: its words in both languages, and what to look for about it."""

    words: re.Pattern[str]
    queries: dict[str, str]


_HAZARDS: Final = (
    Hazard(
        re.compile(
            r"\bsmok(?:e|es|ing|ed)\b|\bfires?\b|\bflam|\bburn(?:s|ing)\b|\bsparks?\b"
            r"|\bsparking|overheat|\bexplo|\bmelt"
            r"|烟|火|烧|焦|糊|爆炸|炸了|熔|过热|鼓包"
        ),
        {"en": "smoke or fire: what to do", "zh": "冒烟或起火怎么办"},
    ),
    Hazard(
        re.compile(r"electric shock|\bshocks?\b|electrocut|live wire|触电|漏电|电击|电到|被电"),
        {"en": "electric shock: what to do", "zh": "触电怎么办"},
    ),
    Hazard(
        re.compile(
            r"\bgas\b|carbon monoxide|\bfumes?\b|\bleak|煤气|燃气|天然气|一氧化碳|泄漏|毒气"
        ),
        {"en": "smell of gas, leak: what to do", "zh": "闻到煤气、泄漏怎么办"},
    ),
    Hazard(
        re.compile(
            r"swallow|\bpoison|\bingest|\bchok|\bdrank\b|chemical|\bacid\b|\beyes?\b|吞|误食"
            r"|误喝|中毒|窒息|化学|入眼|眼睛"
        ),
        {"en": "swallowed, poisoning, chemicals: what to do", "zh": "误食、中毒、化学品怎么办"},
    ),
    Hazard(
        re.compile(
            r"\binjur|\bhurt|\bpain|\bbleed|\bwound|\bcuts?\b|\bburn(?:s|t|ed)?\b|\bscald"
            r"|unconscious|first aid|accident"
            r"|伤|烫|溅|疼|痛|流血|出血|割到|切到|夹|晕倒|昏|急救|事故|摔"
        ),
        {"en": "injury, first aid, accident: what to do", "zh": "受伤、急救、事故怎么办"},
    ),
)
_INSTRUCTION: Final = re.compile(
    r"\bunplug|\bswitch(?:ing)? (?:it |the \w+ )?off|\bturn (?:it |the \w+ )?off"
    r"|\bpull (?:the |out )|disconnect|evacuat"
    r"|\bleave the\b|\bcall\b|\bdial\b|\bstop using|\bdo not\b|\bdon't\b|ventilat"
    r"|open (?:the |all )?windows?|\brinse"
    r"|\bcool\b|see a doctor|\bseek\b|extinguish|emergency|\bimmediately\b|\bat once\b"
    r"|assembly point|\breport\b|\btell\b|\bcontact\b|keep away|\bremove\b|\bwash\b|\bbring\b"
    r"|拔|切断|断电|关闭|关掉|关机|停止|停用|撤离|疏散|拨打|致电|通知|通风|开窗|冲洗"
    r"|就医|送医|灭火|急救|报警|按下|联系|移开|远离|不要|切勿|立即|马上"
)


def find_hazards(text: str) -> tuple[Hazard, ...]:
    """Return the hazards that a turn names; all of them where it names none.

    >>> [hazard.queries["en"] for hazard in find_hazards("My charger is smoking!")]
    ['smoke or fire: what to do']
    """
    plain = normalise_text(text)
    return tuple(hazard for hazard in _HAZARDS if hazard.words.search(plain)) or _HAZARDS


def quote_instructions(
    passages: tuple[Passage, ...], hazards: tuple[Hazard, ...]
) -> list[Statement]:
    """Return what passages say to do about hazards, quoted; best passage first.

    A sentence is quoted from the hazard on, as long as the next ones go on with what to do.
    """
    statements: list[Statement] = []
    for passage in passages:
        if len(statements) == MOST_PASSAGES:
            break
        if (span := _find_instructions(passage, hazards)) is not None:
            start, end = span
            chunk = passage.chunk
            words = chunk.text[start:end]
            quote = Quote(passage, chunk.start + start, chunk.start + end, words)
            if all(words != other.text for other in statements):
                statements.append(Statement(text=words, quotes=(quote,), support=1.0))
    return statements


def _find_instructions(passage: Passage, hazards: tuple[Hazard, ...]) -> tuple[int, int] | None:
    """Return the offsets of the instructions in a passage's text; None where there are none."""
    text = passage.chunk.text
    heading_names = any(h.words.search(normalise_text(passage.chunk.lead)) for h in hazards)
    sentences = list(split_sentences(text))
    for at, (start, _) in enumerate(sentences):
        parts = [normalise_text(text[a:b]) for a, b in sentences[at : at + MOST_STEPS]]
        names = heading_names or any(h.words.search(parts[0]) for h in hazards)
        if not names or parts[0].endswith("?"):
            continue
        last = max(_iter_instruction_places(parts), default=None)
        if last is not None:
            return start, sentences[at + last][1]
    return None


def _iter_instruction_places(parts: list[str]) -> Iterator[int]:
    """Yield the places of sentences that say what to do, from the first or second one on."""
    is_list = parts[0].endswith(":")
    reach = MOST_STEPS if is_list else MOST_QUOTED_SENTENCES
    for at, part in enumerate(parts[:reach]):
        says = bool(_INSTRUCTION.search(part))
        if says or (is_list and at > 0 and starts_list_item(part)):
            yield at
        elif at > 0:
            return
