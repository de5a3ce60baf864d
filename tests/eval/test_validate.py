"""The ruler against labels: what it must find, and what it must say it cannot see."""

import json

import pytest
from click.testing import CliRunner

from eval.errors import BadCases
from eval.imports.rated import RatedText, read_rated_set
from eval.validate import WordVerifier, compute_idf, validate_verifier
from ragdesk.cli.main import cli

DOCUMENTS = [f"Parcel {n} leaves Oslo on day {n} and takes {n + 2} days by sea." for n in range(30)]


def rated(n: int, text: str, *, good: bool) -> RatedText:
    return RatedText(
        id=f"{n}{good}",
        text=text,
        sources=(DOCUMENTS[n],),
        rating=float(good),
        good=good,
        cluster=str(n),
    )


def test_what_was_added_is_found_and_what_was_turned_round_is_not_claimed_to_be():
    added = [rated(n, DOCUMENTS[n], good=True) for n in range(30)]
    added += [rated(n, f"Customs keeps {n} boxes in Rome.", good=False) for n in range(30)]
    assert validate_verifier(added)["figures"]["auroc"]["value"] == 1.0
    same = [rated(n, DOCUMENTS[n], good=n % 2 == 0) for n in range(30)]
    blind = validate_verifier(same)["figures"]["auroc"]
    assert blind["ci_low"] <= 0.5 <= blind["ci_high"]


def test_a_text_that_claims_nothing_is_counted_apart():
    texts = [rated(n, DOCUMENTS[n], good=True) for n in range(10)]
    texts += [rated(n, "Rome keeps boxes.", good=False) for n in range(10)]
    texts.append(rated(11, "The documents do not mention it.", good=True))
    found = validate_verifier(texts)
    assert (found["texts"], found["claim_nothing"]) == (20, 1)


def test_a_trained_verifier_fits_the_slot():
    class Oracle:
        def __call__(self, text, sources):
            return float(text in sources)

    texts = [rated(n, DOCUMENTS[n], good=True) for n in range(10)]
    texts += [rated(n, DOCUMENTS[n].replace("Oslo", "Rome"), good=False) for n in range(10)]
    found = validate_verifier(texts, Oracle())
    assert found["figures"]["auroc"]["value"] == 1.0
    assert found["figures"]["balanced_accuracy"]["value"] == 1.0


def test_the_words_say_nothing_of_an_empty_claim():
    assert WordVerifier(compute_idf(DOCUMENTS))("It is.", DOCUMENTS) is None


def test_ratings_of_mtrag_are_read(tmp_path):
    held = {
        "documents": [{"document_id": "d", "title": "T", "text": "Five days."}],
        "tasks": [
            {"task_id": "t", "contexts": [{"document_id": "d"}], "Answerability": ["ANSWERABLE"]},
            {"task_id": "u", "contexts": [{"document_id": "?"}], "Answerability": ["ANSWERABLE"]},
        ],
        "evaluations": [
            {
                "task_id": task,
                "model_id": "m",
                "model_response": "Five days.",
                "annotations": {"faithfulness": {"a": {"value": "4"}, "b": {"value": "3"}}},
            }
            for task in ("t", "u")
        ],
    }
    file = tmp_path / "reference_subset_with_human_evaluations.json"
    file.write_text(json.dumps(held), encoding="utf-8")
    assert [(one.rating, one.good) for one in read_rated_set("mtrag", tmp_path)] == [(3.5, True)]


def test_a_path_without_the_set_says_so(tmp_path):
    with pytest.raises(BadCases, match="holds nothing of wice"):
        read_rated_set("wice", tmp_path)


def test_published_figures_stand_beside_ours(tmp_path):
    texts = [{"id": f"{n}", "summary": f"It costs {n} euros.", "doc": f"It costs {n} euros. {n}", "label": n % 2} for n in range(12)]  # fmt: skip
    file = tmp_path / "summedits_news.json"
    file.write_text(json.dumps(texts), encoding="utf-8")
    told = CliRunner().invoke(cli, ["eval", "validate", "summedits", str(file)])
    assert told.exit_code == 0, told.output
    assert "published" in told.output
    assert "Laban" in told.output
