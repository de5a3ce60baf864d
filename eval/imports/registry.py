"""The registry of data sets that can be imported, by name: their cases, and their texts."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from eval.case import Case, SourceText, write_case_lines
from eval.errors import BadCases
from eval.imports import financebench, mtrag, other_harnesses, ragtruth, rgb, scifact, squad


@dataclass(frozen=True, slots=True)
class ImportSource:
    """A public set. about: what PATH must be. read_texts: None where it brings no documents."""

    about: str
    read_cases: Callable[[Path], Iterator[Case]]
    read_texts: Callable[[Path], Iterator[SourceText]] | None = None


SQUAD = ImportSource(
    "a JSON file in the shape of SQuAD", squad.read_squad_cases, squad.read_squad_texts
)
SOURCES: dict[str, ImportSource] = {
    "squad": SQUAD,
    "squad2": SQUAD,
    "xquad": SQUAD,
    "cmrc": SQUAD,
    "scifact": ImportSource(
        "a folder with corpus_train.csv, claims_train.csv and qrels.tsv",
        scifact.read_scifact_cases,
        scifact.read_scifact_texts,
    ),
    "beir": ImportSource(
        "a folder with corpus.jsonl, queries.jsonl and qrels/*.tsv",
        other_harnesses.read_beir_cases,
        other_harnesses.read_beir_texts,
    ),
    "mtrag": ImportSource(
        "reference.jsonl of the generation tasks", mtrag.read_mtrag_cases, mtrag.read_mtrag_texts
    ),
    "rgb": ImportSource(
        "a JSON file of RGB (zh_refine.json, en_fact.json …)",
        rgb.read_rgb_cases,
        rgb.read_rgb_texts,
    ),
    "financebench": ImportSource(
        "a folder with questions.jsonl and pdfs/", financebench.read_financebench_cases
    ),
    "ragtruth": ImportSource(
        "a folder with response.jsonl and source_info.jsonl",
        ragtruth.read_ragtruth_cases,
        ragtruth.read_ragtruth_texts,
    ),
    "ragas": ImportSource(
        "a JSON list or lines with user_input, reference, reference_contexts",
        other_harnesses.read_ragas_cases,
        other_harnesses.read_ragas_texts,
    ),
    "deepeval": ImportSource(
        "a JSON list of test cases with input, expected_output, context",
        other_harnesses.read_deepeval_cases,
        other_harnesses.read_deepeval_texts,
    ),
}


def import_set(name: str, path: Path, out: Path) -> tuple[int, int]:
    """Write a data set as cases.jsonl and a folder of documents; return the number of each.

    Raises BadCases where the set is not what its name says.
    """
    source = SOURCES[name]
    try:
        cases = list(source.read_cases(path))
        texts = list(source.read_texts(path)) if source.read_texts else []
    except (OSError, KeyError, TypeError, ValueError) as error:
        why = f"{type(error).__name__}: {error}"
        raise BadCases(f"{path} is not {source.about} ({why}).") from error
    if not cases:
        raise BadCases(f"{path} holds no questions; {name} wants {source.about}.")
    out.mkdir(parents=True, exist_ok=True)
    write_case_lines(out / "cases.jsonl", cases)
    for text in texts:
        file = out / "documents" / text.uri
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text.text, encoding="utf-8", newline="")
    return len(cases), len(texts)
