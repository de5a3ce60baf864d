"""Holds every regular expression of the product against texts made to slow it down.

``python -m tests.resilience.regular_expressions`` collects the expressions from the source, makes
attack strings from each one's own parse (what a loop repeats, behind what stands before it), and
doubles them until the expression either stays cheap or is caught. It exits 1 when one is caught.
With ``--write`` the figures go into RESILIENCY.md, and what passed into the list beside this file,
so that the test of the normal suite attacks only what is new.
"""

import argparse
import ast
import hashlib
import importlib
import math
import re
import signal
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from tests.lab.results import write_section

parser: Any = re._parser  # type: ignore[attr-defined]  # the parse of Python's own compiler

ROOT = Path(__file__).parents[2]
ROOMS = ("ragdesk", "ingest", "indexes", "eval")
PASSED = Path(__file__).with_suffix(".txt")
FIGURES = ROOT / "tests/resilience/RESILIENCY.md"
HEAD = "# Expressions that python -m tests.resilience.regular_expressions let pass. Written by --write."
CALLS = frozenset(
    ["compile", "sub", "subn", "match", "search", "findall", "finditer", "split", "fullmatch"]
)
ANCHORED = frozenset({"match", "fullmatch"})
# Made while the product runs, from texts that are escaped or from our own settings: attacked by the
# generators of ``doubling.py`` where the text is foreign.
MADE_LATER = {
    "indexes/embedding/unigram_tokenizer.py": 1,  # characters of the model's own table, escaped
    "indexes/text/claim_binding.py": 1,  # a word of a claim, escaped
    "indexes/text/contradictions.py": 5,  # a number of a sentence, escaped; four are made while it is imported
    "indexes/vectors/on_milvus.py": 1,  # a name of ours, escaped
    "ragdesk/answering/lookup_facts.py": 1,  # values of a lookup, escaped
    "ragdesk/support/lookups/lookup_pattern.py": 3,  # the pieces of a pattern; two are imported
    "ragdesk/support/lookups/lookup_values.py": 1,  # words of the settings, escaped
    "eval/answer_metrics.py": 2,  # a phrase and a stem of the cases, escaped
    "eval/evidence.py": 1,  # words of the cases, escaped
    "eval/mutate.py": 2,  # patterns of the file itself, handed on
}
# Foreign text never meets these: they read our own benches, settings, and source.
OURS = ("ragdesk/settings_example.py", "ragdesk/settings.py", "eval/gate.py")

SIZES = (32, 1024, 8_192, 16_384)  # characters of an attack string; only the last is a doubling
CHEAP = 0.004  # seconds of CPU below which nothing is judged
PER_CHARACTER = 2e-6  # seconds of CPU a character may take at most
RATIO = 3.0  # of the times when an attack string doubles
PATIENCE = 0.6  # seconds of CPU after which an attack is broken off


@dataclass(frozen=True, slots=True)
class Expression:
    """A regular expression of the product. anchored: it is only ever tried where a text begins."""

    place: str
    pattern: str | bytes
    flags: int
    anchored: bool

    @property
    def digest(self) -> str:
        written = f"{self.pattern!r} {self.flags} {self.anchored}"
        return hashlib.sha256(written.encode("utf-8", "backslashreplace")).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Verdict:
    """The worst that an attack did. ratio: of the last doubling; 0 where all stayed cheap."""

    expression: Expression
    seconds: float
    size: int
    ratio: float
    attack: tuple[str, str, str]

    @property
    def slow(self) -> bool:
        return self.ratio > RATIO or self.seconds > PER_CHARACTER * SIZES[-1]


def sources() -> Iterator[tuple[str, ast.Module]]:
    for room in ROOMS:
        for file in sorted((ROOT / room).rglob("*.py")):
            name = file.relative_to(ROOT).as_posix()
            if not name.startswith(OURS):
                yield name, ast.parse(file.read_text(encoding="utf-8"))


def expressions() -> list[Expression]:
    """Collect the expressions of the product. Raises LookupError for one that is nowhere."""
    uses: dict[str, set[str]] = defaultdict(set)
    trees = list(sources())
    for name, tree in trees:
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and node.attr in CALLS:
                used = ast.unparse(node.value).rpartition(".")[2]
                uses[f"{name} {used}" if used.startswith("_") else used].add(node.attr)
    by_place: dict[str, Expression] = {}
    for name, tree in trees:
        for expression in (*_inline(name, tree), *_compiled(name, tree, uses)):
            by_place.setdefault(f"{expression.place} {expression.digest}", expression)
    return list(by_place.values())


def _inline(name: str, tree: ast.Module) -> Iterator[Expression]:
    """Give the expressions that are written where they are used: ``re.sub(r"…", …)``."""
    for node in _calls(tree):
        method = node.func.attr  # type: ignore[attr-defined]
        if method != "compile" and isinstance(node.args[0], ast.Constant):
            pattern = node.args[0].value
            yield Expression(f"{name}:{node.lineno}", pattern, _flags(node), method in ANCHORED)


def _flags(call: ast.Call) -> int:
    flags = next((k.value for k in call.keywords if k.arg == "flags"), None)
    extra = getattr(re, flags.attr) if isinstance(flags, ast.Attribute) else 0
    return re.compile(call.args[0].value, extra).flags  # type: ignore[attr-defined]


def _compiled(name: str, tree: ast.Module, uses: dict[str, set[str]]) -> Iterator[Expression]:
    """Give the expressions that a module holds, alone or in tuples and tables."""
    calls = list(_calls(tree))
    made = [n for n in calls if n.func.attr == "compile"]  # type: ignore[attr-defined]
    later = sum(
        1
        for n in calls
        if n.func.attr != "compile" and not isinstance(n.args[0], ast.Constant)  # type: ignore[attr-defined]
    )
    inner = {id(c) for f in ast.walk(tree) if isinstance(f, ast.FunctionDef) for c in _calls(f)}
    later += sum(1 for n in made if id(n) in inner)
    if later != MADE_LATER.get(name, 0):
        raise LookupError(f"{name} makes {later} expressions while it runs; list it in MADE_LATER")
    if all(id(n) in inner for n in made):
        return  # nothing to look up, and the module may be one whose extra is not installed
    module = importlib.import_module(
        name.removesuffix(".py").replace("/", ".").removesuffix(".__init__")
    )
    own = {n.args[0].value for n in made if isinstance(n.args[0], ast.Constant)}
    dynamic = len(own) < len(made)
    for variable, value in vars(module).items():
        methods = uses[f"{name} {variable}" if variable.startswith("_") else variable]
        anchored = bool(methods) and methods <= ANCHORED
        for pattern in _patterns(value):
            if pattern.pattern in own or dynamic:
                yield Expression(f"{name} {variable}", pattern.pattern, pattern.flags, anchored)


def _calls(tree: ast.AST) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and isinstance(node.func.value, ast.Name)
            and node.func.value.id == "re"
            and node.func.attr in CALLS
        ):
            yield node


def _patterns(value: object) -> Iterator[re.Pattern[Any]]:
    if isinstance(value, re.Pattern):
        yield value
    elif isinstance(value, dict):
        for member in value.values():
            yield from _patterns(member)
    elif isinstance(value, tuple | list | frozenset | set):
        for member in value:
            yield from _patterns(member)


# Attack strings ------------------------------------------------------------------------------


def example(items: Iterable[Any], *, last: bool = False) -> str:
    """Write a short text that a parsed expression matches; the last branches where asked."""
    return "".join(_example(str(op), argument, last=last) for op, argument in items)


def _example(op: str, argument: Any, *, last: bool) -> str:  # noqa: PLR0911 (a case a node)
    if op == "LITERAL":
        return chr(argument)
    if op == "NOT_LITERAL":
        return "b" if argument == ord("a") else "a"
    if op == "ANY":
        return "a"
    if op == "IN":
        return (_members(argument) or ["a"])[-1 if last else 0]
    if op == "BRANCH":
        return example(argument[1][-1 if last else 0], last=last)
    if op == "SUBPATTERN":
        return example(argument[-1], last=last)
    if op == "ATOMIC_GROUP":
        return example(argument, last=last)
    if op in {"MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"}:
        least, most, body = argument
        return example(body, last=last) * (max(least, 1 if last and most else 0))
    if op == "GROUPREF_EXISTS":
        return example(argument[1], last=last)
    return ""


PROBES = "a0 \n\t-.,:/<>\"'[](){}=*_|#@一。é\u200b~"


def _members(argument: Any) -> list[str]:
    """Give characters of a class, of different kinds."""
    pattern = re.compile("[" + "".join(_class(str(op), value) for op, value in argument) + "]")
    return [c for c in PROBES if pattern.match(c)] or [
        chr(value if isinstance(value, int) else value[0])
        for op, value in argument
        if str(op) in {"LITERAL", "RANGE"}
    ]


_CATEGORIES = {
    "CATEGORY_DIGIT": r"\d",
    "CATEGORY_NOT_DIGIT": r"\D",
    "CATEGORY_SPACE": r"\s",
    "CATEGORY_NOT_SPACE": r"\S",
    "CATEGORY_WORD": r"\w",
    "CATEGORY_NOT_WORD": r"\W",
}


def _class(op: str, value: Any) -> str:
    if op == "NEGATE":
        return "^"
    if op == "CATEGORY":
        return _CATEGORIES[str(value)]
    if op == "RANGE":
        return f"{re.escape(chr(value[0]))}-{re.escape(chr(value[1]))}"
    return re.escape(chr(value))


def attacks(expression: Expression) -> list[tuple[str, str, str]]:
    """Write (before, repeated, after): each loop's body and what leads to it, and breaks of both."""
    bare = (
        expression.flags & ~re.UNICODE
        if isinstance(expression.pattern, bytes)
        else expression.flags
    )
    tree = parser.parse(expression.pattern, bare)
    pairs: dict[tuple[str, str], None] = {}
    _loops(list(tree), "", pairs)
    whole = {example(tree), example(tree, last=True)}
    for text in whole:
        for cut in range(1, min(len(text), 12) + 1):
            pairs["", text[:cut]] = None
    pumps = list(dict.fromkeys(pumped for _, pumped in pairs if pumped))
    leads = list(dict.fromkeys(before for before, _ in pairs))
    some = {(before, pumped): None for before in leads[:4] for pumped in pumps[:40]}
    tails = ("", "\x00", "\n", " 0!")
    return [(before, pumped, tail) for before, pumped in (pairs | some) if pumped for tail in tails]


def _loops(items: list[Any], before: str, pairs: dict[tuple[str, str], None]) -> None:
    """Find every loop with what stands before it, and every text it may go round with."""
    for at, (op, argument) in enumerate(items):
        lead = before + example(items[:at])
        kind = str(op)
        if kind in {"MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"}:
            _, most, body = argument
            if most > 3:
                for text in _turns(list(body)):
                    pairs[lead, text] = None
                    pairs["", lead + text] = None
                    pairs["", text + lead] = None
            _loops(list(body), lead, pairs)
        elif kind == "BRANCH":
            for branch in argument[1]:
                _loops(list(branch), lead, pairs)
        elif kind == "SUBPATTERN":
            _loops(list(argument[-1]), lead, pairs)
        elif kind == "ATOMIC_GROUP":
            _loops(list(argument), lead, pairs)
        elif kind in {"ASSERT", "ASSERT_NOT"}:
            _loops(list(argument[1]), lead, pairs)


def _turns(body: list[Any]) -> list[str]:
    """Write texts that one round of a loop may read: of each branch, of each kind of character."""
    texts = [example(body), example(body, last=True)]
    if len(body) == 1:
        op = str(body[0][0])
        argument = body[0][1]
        if op == "IN":
            texts += _members(argument)
        elif op in {"ANY", "NOT_LITERAL"}:
            texts += ["a", " ", "-"]
        elif op == "BRANCH":
            for branch in argument[1]:
                texts += _turns(list(branch))
        elif op == "SUBPATTERN":
            texts += _turns(list(argument[-1]))
    return [text for text in dict.fromkeys(texts) if text][:24]


# Judging -------------------------------------------------------------------------------------


class _TooLong(Exception):
    pass


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise _TooLong


def cost(pattern: re.Pattern[Any], text: str | bytes, *, anchored: bool) -> float:
    """Measure the CPU seconds of reading a text with an expression, ``PATIENCE`` at most."""
    before = signal.signal(signal.SIGPROF, _stop)
    signal.setitimer(signal.ITIMER_PROF, PATIENCE)
    begun = time.thread_time()
    try:
        if anchored:
            pattern.match(text)
        else:
            for _ in pattern.finditer(text):
                pass
        return time.thread_time() - begun
    except _TooLong:
        return max(PATIENCE, time.thread_time() - begun)
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def judge(expression: Expression, sizes: Sequence[int] = SIZES) -> Verdict:
    """Attack an expression with texts that grow, and give the worst that was measured."""
    compiled = _compiled_again(expression)
    worst = Verdict(expression, 0.0, 0, 0.0, ("", "", ""))
    for attack in attacks(expression):
        if isinstance(expression.pattern, bytes) and not "".join(attack).isascii():
            continue
        verdict = _pumped(expression, compiled, attack, sizes)
        if verdict.slow:
            return verdict
        if verdict.seconds > worst.seconds:
            worst = verdict
    return worst


def _compiled_again(expression: Expression) -> re.Pattern[Any]:
    bare = (
        expression.flags & ~re.UNICODE
        if isinstance(expression.pattern, bytes)
        else expression.flags
    )
    return re.compile(expression.pattern, bare)


def _pumped(
    expression: Expression,
    compiled: re.Pattern[Any],
    attack: tuple[str, str, str],
    sizes: Sequence[int],
) -> Verdict:
    """Double the size while it stays cheap; what does not is measured again, and the least counts."""
    size = 0
    last = 0.0
    ratio = 0.0
    for size in sizes:
        text = _written(expression, attack, size)
        seconds = cost(compiled, text, anchored=expression.anchored)
        if seconds > CHEAP and last and seconds < PATIENCE:
            seconds = min(
                seconds, *(cost(compiled, text, anchored=expression.anchored) for _ in "ab")
            )
        if seconds >= PATIENCE:
            return Verdict(expression, seconds, size, math.inf, attack)
        ratio = seconds / max(last, CHEAP / 4) if seconds > CHEAP else 0.0
        last = seconds
    return Verdict(expression, last, size, ratio, attack)


def _written(expression: Expression, attack: tuple[str, str, str], size: int) -> str | bytes:
    before, pumped, tail = attack
    text = before + pumped * (size // len(pumped)) + tail
    return text.encode("latin-1", "replace") if isinstance(expression.pattern, bytes) else text


def passed() -> frozenset[str]:
    """Give the digests of the expressions that the script has let pass."""
    lines = PASSED.read_text(encoding="utf-8").splitlines() if PASSED.exists() else []
    return frozenset(line.split(" ")[0] for line in lines if not line.startswith("#"))


def describe_verdict(verdict: Verdict) -> str:
    """Say what was slow about an expression."""
    expression = verdict.expression
    return (
        f"{expression.place}: {verdict.seconds:.3f} s for {verdict.size:,} characters, x{verdict.ratio:.1f}"
        f" when doubled: {verdict.attack!r}\n    {expression.pattern!r:.160}"
    )


def main() -> int:
    """Attack all expressions; 1 when one of them is slow."""
    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("--only", default="", help="a part of a file's name")
    reader.add_argument("--write", action="store_true")
    options = reader.parse_args()
    listed = [expression for expression in expressions() if options.only in expression.place]
    verdicts = [judge(expression) for expression in listed]
    slow = [verdict for verdict in verdicts if verdict.slow]
    for verdict in slow:
        print(describe_verdict(verdict))
    tried = sum(len(attacks(expression)) for expression in listed)
    print(f"{len(listed)} expressions, {tried:,} attack strings, {len(slow)} slow")
    if options.write and not options.only:
        fair = sorted(
            {f"{v.expression.digest} {v.expression.place}" for v in verdicts if not v.slow}
        )
        PASSED.write_text("\n".join([HEAD, *fair, ""]), encoding="utf-8")
        worst = sorted(verdicts, key=lambda v: -v.seconds)[:5]
        lines = [f"| {v.expression.place} | {1000 * v.seconds:.1f} |" for v in worst]
        body = "\n".join(
            [
                f"{len(listed)} expressions, {tried:,} attack strings of up to {SIZES[-1]:,} characters",
                f"made of each one's own parse: {len(slow)} slow (more than {1e6 * PER_CHARACTER:.0f} us a",
                f"character, or more than {RATIO:.0f} times the time when doubled). The dearest:",
                "",
                "| expression | ms for the longest text |",
                "|---|---|",
                *lines,
            ]
        )
        command = "python -m tests.resilience.regular_expressions --write"
        write_section(
            "P10, P14: no text is dear to a regular expression", command, body, file=FIGURES
        )
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main())
