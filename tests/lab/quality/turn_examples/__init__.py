"""Turns of each kind that we wrote (``en.txt``, ``zh.txt``), and more that are made of them.

Questions are also made of frames and things, so that what stands in a turn and what is wanted of it
come apart: smoke is in detectors, grills and colours, too. Courtesies, letters in the wrong place
and other endings are put to a part of all turns.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from indexes.text.scripts import HAN_RUN
from ragdesk.answering.turns.turn_kind import TurnKind

SEED = 20261130
FOLDER = Path(__file__).parent
FRAMES = {
    "en": (
        "How do I {v} the {n}?",
        "how to {v} a {n}",
        "What does the {n} cost?",
        "Is the {n} covered by the warranty?",
        "where do I find the {n}",
        "how long does the {n} last",
        "Can I {v} the {n} myself?",
        "{n} {v}",
        "which {n} fits model 300",
        "what is the {n}",
        "When do I have to {v} the {n}?",
        "does the {n} need approval",
        "the {n} does not work",
        "Who can {v} the {n}?",
        "{n} dimensions",
        "is there a rule for the {n}",
        "Why do I have to {v} the {n}?",
        "What happens if I {v} the {n} too late?",
    ),
    "zh": (
        "怎么{v}{n}",
        "{n}多少钱",
        "{n}在保修范围内吗",
        "{n}在哪里",
        "{n}能用多久",
        "可以自己{v}{n}吗",
        "{n}{v}",
        "哪种{n}适合300型",
        "{n}是什么",
        "什么时候要{v}{n}",
        "{n}需要审批吗",
        "{n}不能用",
        "谁可以{v}{n}",
        "{n}尺寸",
        "关于{n}有什么规定",
        "{n}怎么{v}？",
        "为什么要{v}{n}",
        "{n}支持哪些型号",
    ),
}
LEADS = {
    "en": (
        "hi, ",
        "Hello, ",
        "hey ",
        "Good morning, ",
        "Hi there! ",
        "Thanks! ",
        "ok, ",
        "Thank you, but ",
    ),
    "zh": ("你好，", "您好，", "请问", "你好 ", "在吗，", "谢谢，", "好的，", "亲，"),
}
TAILS = {
    "en": (" thanks", ", please", " Thank you!", " thx", " pls", "??"),
    "zh": ("，谢谢", "呢", "？谢谢！", "啊", "，急", "？？"),
}


@dataclass(frozen=True, slots=True)
class TurnExample:
    """A turn, its language and kind. source: the turn of ours that it was made of."""

    text: str
    lang: str
    kind: TurnKind
    source: str


def _read_words() -> dict[str, list[str]]:
    """Read the things and verbs of the frames, by language: ``en things``, ``zh verbs``."""
    words: dict[str, list[str]] = {}
    for line in (FOLDER / "words.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            words[line.strip("[]")] = group = []
        else:
            group.append(line)
    return words


def read_examples() -> list[TurnExample]:
    """Read the turns that we wrote."""
    examples = []
    for lang in ("en", "zh"):
        kind = TurnKind.QUESTION
        for line in (FOLDER / f"{lang}.txt").read_text(encoding="utf-8").splitlines():
            if line.startswith("["):
                kind = TurnKind(line.strip("[]"))
            elif line.strip():
                examples.append(TurnExample(line, lang, kind, line))
    return examples


def make_questions() -> Iterator[TurnExample]:
    """Yield questions of a frame and a thing: each thing alone and in six frames, drawn by chance."""
    draw = random.Random(SEED)  # noqa: S311
    words = _read_words()
    for lang, frames in FRAMES.items():
        for thing in words[f"{lang} things"]:
            for frame in ("{n}", *draw.sample(frames, 6)):
                text = frame.format(n=thing, v=draw.choice(words[f"{lang} verbs"]))
                yield TurnExample(text, lang, TurnKind.QUESTION, f"{lang} {thing}")


def vary_examples(examples: list[TurnExample]) -> Iterator[TurnExample]:
    """Yield variants of turns: with courtesies, with a slip of the finger, with another ending."""
    draw = random.Random(SEED)  # noqa: S311
    for example in examples:
        text, lang = example.text, example.lang
        takes_lead = example.kind not in {TurnKind.GREETING, TurnKind.THANKS, TurnKind.GOODBYE}
        variants = []
        if takes_lead and draw.random() < 0.1:
            variants.append(draw.choice(LEADS[lang]) + text)
        if takes_lead and draw.random() < 0.12:
            variants.append(text.rstrip("?？.!！") + draw.choice(TAILS[lang]))
        if draw.random() < 0.15:
            variants.append(_slip(text, draw))
        if draw.random() < 0.1:
            variants.append(
                text.rstrip("?？.!！") if text[-1] in "?？.!！" else text + draw.choice("?!.!")
            )
        for variant in variants:
            if variant != text:
                yield TurnExample(variant, lang, example.kind, example.source)


def _slip(text: str, draw: random.Random) -> str:
    """Swap, drop or double one letter of a word."""
    places = [i for i in range(1, len(text) - 2) if text[i].isalpha() and text[i + 1].isalpha()]
    if not places or HAN_RUN.search(text):
        return text
    at = draw.choice(places)
    return draw.choice(
        (
            text[:at] + text[at + 1] + text[at] + text[at + 2 :],
            text[:at] + text[at + 1 :],
            text[:at] + text[at] + text[at:],
        )
    )
