"""Every set that can be imported, by name: its cases, and its texts where it brings them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from eval.case import Case, Text, write
from eval.errors import BadCases
from eval.imports import financebench, mtrag, plain, ragtruth, rgb, scifact, squad


@dataclass(frozen=True, slots=True)
class Source:
    """A public set. about: what PATH must be. texts: None where the set brings no documents."""

    about: str
    cases: Callable[[Path], Iterator[Case]]
    texts: Callable[[Path], Iterator[Text]] | None = None


SQUAD = Source("a JSON file in the shape of SQuAD", squad.cases, squad.texts)
SOURCES: dict[str, Source] = {
    "squad": SQUAD,
    "squad2": SQUAD,
    "xquad": SQUAD,
    "cmrc": SQUAD,
    "scifact": Source(
        "a folder with corpus_train.csv, claims_train.csv and qrels.tsv",
        scifact.cases,
        scifact.texts,
    ),
    "beir": Source(
        "a folder with corpus.jsonl, queries.jsonl and qrels/*.tsv",
        plain.beir_cases,
        plain.beir_texts,
    ),
    "mtrag": Source("reference.jsonl of the generation tasks", mtrag.cases, mtrag.texts),
    "rgb": Source("a JSON file of RGB (zh_refine.json, en_fact.json …)", rgb.cases, rgb.texts),
    "financebench": Source("a folder with questions.jsonl and pdfs/", financebench.cases),
    "ragtruth": Source(
        "a folder with response.jsonl and source_info.jsonl", ragtruth.cases, ragtruth.texts
    ),
    "ragas": Source(
        "a JSON list or lines with user_input, reference, reference_contexts",
        plain.ragas_cases,
        plain.ragas_texts,
    ),
    "deepeval": Source(
        "a JSON list of test cases with input, expected_output, context",
        plain.deepeval_cases,
        plain.deepeval_texts,
    ),
}


def take(name: str, path: Path, out: Path) -> tuple[int, int]:
    """Write a set as cases.jsonl and a folder of documents; give how many of each.

    Raises BadCases where the set is not what its name says.
    """
    source = SOURCES[name]
    try:
        cases = list(source.cases(path))
        texts = list(source.texts(path)) if source.texts else []
    except (OSError, KeyError, TypeError, ValueError) as error:
        why = f"{type(error).__name__}: {error}"
        raise BadCases(f"{path} is not {source.about} ({why}).") from error
    if not cases:
        raise BadCases(f"{path} holds no questions; {name} wants {source.about}.")
    out.mkdir(parents=True, exist_ok=True)
    write(out / "cases.jsonl", cases)
    for text in texts:
        file = out / "documents" / text.uri
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text.text, encoding="utf-8", newline="")
    return len(cases), len(texts)
