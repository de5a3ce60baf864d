"""Generated cases: what is answerable stands in the copy, what is not was taken out of it."""

from eval import evidence, run_folder
from eval.case import read_case_lines
from eval.generate import Section, SourceDocument, generate_cases


def source(n: int) -> SourceDocument:
    parts = [
        f"Part {i} of document {n}: parcels of kind {n}x{i} take {i + 2} days.\n" for i in range(6)
    ]
    text, sections = "", []
    for i, part in enumerate(parts):
        asked = f"How long does kind {n}x{i} take?" if i == 0 else ""
        span = (len(text), len(text) + len(part))
        sections.append(Section(heading=f"Part {i}", span=span, question=asked))
        text += part
    return SourceDocument(
        uri=f"d/{n}.md", title=f"Document {n}", text=text, sections=tuple(sections)
    )


def test_evidence_of_the_answerable_stands_in_the_copy_and_the_rest_does_not(tmp_path):
    sources = [source(n) for n in range(20)]
    generate_cases(sources, tmp_path)
    cases = list(read_case_lines(tmp_path / run_folder.CASES))

    def text(uri):
        file = tmp_path / "documents" / uri
        return file.read_text(encoding="utf-8") if file.exists() else None

    assert {case.stratum for case in cases} == {"in_kb", "near_domain", "out_of_kb"}
    assert list(evidence.lint_cases(cases, text)) == []
    whole = "".join(f.read_text("utf-8") for f in tmp_path.glob("documents/**/*.txt"))
    for case in cases:
        if not case.answerable and case.tags == ("faq",):
            assert f" {case.question.split()[4]} " not in whole
    assert any(case.question.startswith("What is said about Part") for case in cases)


def test_the_same_collection_gives_the_same_cases(tmp_path):
    one = generate_cases([source(n) for n in range(9)], tmp_path / "a")
    other = generate_cases([source(n) for n in reversed(range(9))], tmp_path / "b")
    assert one == other
