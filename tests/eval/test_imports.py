"""Every set in its own shape becomes cases whose evidence stands in the documents they bring."""

import json

import pytest

from eval import evidence
from eval.errors import BadCases
from eval.imports.rated import read_rated_set
from eval.imports.registry import SOURCES, import_set
from eval.run_folder import read_cases


def lines(file, *rows):
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return file


def made_beir(tmp_path):
    lines(tmp_path / "corpus.jsonl", {"_id": "d", "title": "T", "text": "Five days."})
    lines(
        tmp_path / "queries.jsonl",
        {"_id": "q", "text": "How long?"},
        {"_id": "unjudged", "text": "Why?"},
    )
    qrels = tmp_path / "qrels" / "test.tsv"
    qrels.parent.mkdir()
    qrels.write_text("query-id\tcorpus-id\tscore\nq\td\t2\n", encoding="utf-8")
    return tmp_path


def made_mtrag(tmp_path):
    task = {
        "task_id": "t",
        "conversation_id": "c",
        "contexts": [{"document_id": "a/b c", "text": "Five days."}],
        "input": [
            {"speaker": "user", "text": "Hi."},
            {"speaker": "agent", "text": "Hello."},
            {"speaker": "user", "text": "How long?"},
        ],
        "targets": [{"text": "Five days."}],
        "answerability": ["ANSWERABLE"],
    }
    other = {**task, "task_id": "u", "answerability": ["UNANSWERABLE"], "contexts": []}
    small = {**task, "task_id": "v", "answerability": ["CONVERSATIONAL"]}
    return lines(tmp_path / "reference.jsonl", task, other, small)


def made_rgb(tmp_path):
    row = {
        "id": 0,
        "query": "几天？",
        "answer": ["5天"],
        "positive": [["需要5天。"]],
        "negative": ["不要钱。"],
    }
    return lines(tmp_path / "zh_refine.json", row)


def made_ragtruth(tmp_path):
    info = {"question": "How long?", "passages": "It takes five days."}
    source = {"source_id": "s", "task_type": "QA", "source_info": info}
    summary = {"source_id": "x", "task_type": "Summary", "source_info": "A text."}
    lines(tmp_path / "source_info.jsonl", source, summary)
    lines(
        tmp_path / "response.jsonl",
        {"id": "1", "source_id": "s", "response": "Five days.", "labels": []},
        {"id": "2", "source_id": "s", "response": "Six days.", "labels": [{"start": 0}]},
    )
    return tmp_path


def made_ragas(tmp_path):
    row = {
        "user_input": "How long?",
        "reference": "Five days.",
        "reference_contexts": ["It takes five days."],
    }
    return lines(tmp_path / "ragas.jsonl", row)


def made_deepeval(tmp_path):
    golden = {
        "input": "How long?",
        "expectedOutput": "Five days.",
        "context": ["It takes five days."],
    }
    file = tmp_path / "deepeval.json"
    file.write_text(json.dumps({"goldens": [golden]}), encoding="utf-8")
    return file


MADE = {
    "beir": made_beir,
    "mtrag": made_mtrag,
    "rgb": made_rgb,
    "ragtruth": made_ragtruth,
    "ragas": made_ragas,
    "deepeval": made_deepeval,
}


@pytest.mark.parametrize("name", MADE)
def test_a_set_becomes_cases_with_their_evidence(tmp_path, name):
    (tmp_path / "set").mkdir()
    path = MADE[name](tmp_path / "set")
    out = tmp_path / "out"
    import_set(name, path, out)

    def text(uri):
        file = out / "documents" / uri
        return file.read_text(encoding="utf-8") if file.exists() else None

    cases = read_cases(out)
    assert [p.what for p in evidence.lint_cases(cases, text) if p.fatal] == []
    assert any(case.answerable and case.evidence for case in cases)


def test_a_conversation_keeps_its_turns_and_small_talk_is_left_out(tmp_path):
    import_set("mtrag", made_mtrag(tmp_path), tmp_path / "out")
    cases = {case.id: case for case in read_cases(tmp_path / "out")}
    assert set(cases) == {"t", "u"}
    assert [turn["role"] for turn in cases["t"].history] == ["user", "assistant"]
    assert (cases["u"].answerable, cases["u"].stratum) == (False, "near_domain")


@pytest.mark.parametrize("name", SOURCES)
def test_a_path_that_is_not_the_set_says_what_it_should_be(tmp_path, name):
    wrong = lines(tmp_path / "wrong.jsonl", {"a": 1})
    with pytest.raises(BadCases, match=r"is not |holds no questions"):
        import_set(name, wrong, tmp_path / "out")


def test_a_set_that_hides_its_answers_is_no_set_of_cases(tmp_path):
    asked = {"id": "q7", "question": "How long?", "answers": []}
    file = tmp_path / "test.json"
    paragraph = {"context": "30 days.", "qas": [asked]}
    file.write_text(json.dumps({"data": [{"title": "a", "paragraphs": [paragraph]}]}))
    with pytest.raises(BadCases, match="q7 has no answer: a test file hides them"):
        import_set("squad", file, tmp_path / "out")


def test_marked_stretches_make_a_response_unfaithful(tmp_path):
    assert [one.good for one in read_rated_set("ragtruth", made_ragtruth(tmp_path))] == [
        True,
        False,
    ]
