"""Copy the figures a newcomer asks for first from RESULTS.md into the README.

    python -m tests.lab.summary

Everything between the two marks in README.md is written by this command; a test holds the README
against RESULTS.md, so that neither says what the other does not.
"""

import re
import statistics
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tests.lab.results import RESULTS

README = Path(__file__).parents[2] / "README.md"
OPEN = "<!-- figures: python -m tests.lab.summary -->"
CLOSE = "<!-- end of figures -->"

Row = Mapping[str, str]


def tables(results: str) -> dict[str, list[Row]]:
    r"""Give the rows of every section's tables, each by its column names.

    >>> tables("## A\n\n| x | y |\n|---|---|\n| 1 | 2 |\n")
    {'A': [{'x': '1', 'y': '2'}]}
    """
    sections: dict[str, list[Row]] = {}
    for section in re.split(r"(?m)^## ", results)[1:]:
        heading, _, body = section.partition("\n")
        rows = sections[heading] = []
        names: Sequence[str] = ()
        for line in body.splitlines():
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            if not line.startswith("|"):
                names = ()
            elif not names:
                names = cells
            elif set(line) - set("|- "):
                rows.append(dict(zip(names, cells, strict=False)))
    return sections


def block(results: str) -> str:
    """Write the README's table."""
    lines = [f"| {what} | {figure} |" for what, figure in _figures(results)]
    return "\n".join(["| | measured |", "|---|---|", *lines])


def _figures(results: str) -> Iterator[tuple[str, str]]:
    known = tables(results)
    for row in known.get("Rightness", ()):
        if row["set"].startswith(("sample company", "customers' sets")):
            shares = ", ".join(
                f"{name} {_point(row[name])}" for name in ("right", "wrong", "refused")
            )
            yield f"answers, {row['set']}, {row['answerable']} answerable questions", shares
    for name, language in {
        "xquad-en": "right paragraph first, XQuAD English",
        "xquad-zh": "right paragraph first, XQuAD Chinese",
        "cmrc": "right paragraph first, CMRC (Chinese)",
        "scifact": "nDCG@10, SciFact",
    }.items():
        ways = {r["method"]: r["value [95 %]"] for r in known["Retrieval"] if r["set"] == name}
        alone = f"BM25 {_point(ways['BM25'])}, vectors {_point(ways['dense'])}"
        yield language, f"{ways['hybrid']} ({alone})"
    for name, language in {"xquad-en": "English", "xquad-zh": "Chinese"}.items():
        rows = {r["questions"]: r["share refused"] for r in known["Refusal on public sets"]}
        foreign = rows[f"{name}, article out of sight"]
        own = rows[name]
        yield (
            f"refused, {language}: of questions the documents do not answer, and of those they do",
            f"{foreign}, {own}",
        )
    beside = [r for r in known["Ingest"] if r.get("peer", "langchain") == "langchain"]
    ratios = [float(r["peer / ragdesk"]) for r in beside if "peer / ragdesk" in r]
    times = f"{statistics.median(ratios):.1f} times as fast ({min(ratios):.1f}-{max(ratios):.1f})"
    yield "ingest of Markdown and PDF, against the same work in LangChain", times
    serve = known["Serve"][0]
    chunks = re.search(r"\(([\d,]+) chunks\)", results.partition("## Serve")[2])
    cold = re.search(r"cold.*?median ([\d.]+) s", results.partition("## Serve")[2])
    yield (
        f"`POST /v1/answers` with {chunks[1] if chunks else '?'} chunks on 2 cores, no GPU",
        f"p50 {serve['p50 ms']} ms, p95 {serve['p95 ms']} ms",
    )
    yield "`ragdesk ask` from a cold start", f"{cold[1] if cold else '?'} s"


def _point(estimate: str) -> str:
    return estimate.partition(" ")[0]


def written(readme: str, results: str) -> str:
    """Give the README with its figures replaced. Raises ValueError where the marks are missing."""
    before, opened, rest = readme.partition(OPEN)
    _, closed, after = rest.partition(CLOSE)
    if not opened or not closed:
        raise ValueError(f"README.md has no place for figures: {OPEN} … {CLOSE}")
    return f"{before}{OPEN}\n{block(results)}\n{CLOSE}{after}"


def main() -> None:
    """Write the README."""
    text = written(README.read_text(encoding="utf-8"), RESULTS.read_text(encoding="utf-8"))
    README.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
