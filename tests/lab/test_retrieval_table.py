"""The table of retrieval and the fit of its weights run, and read the retriever right."""

from dataclasses import replace

import numpy as np
import pytest

from eval.case import Case, Evidence
from ragdesk.settings import Settings
from tests.lab.collection_shelf import CollectionShelf, change_setting
from tests.lab.quality.fusion_features import (
    gather_candidates,
    measure_drift,
    read_tables,
    read_weights,
    write_tables,
)
from tests.lab.quality.fusion_fit import compute_loss, fit_weights, list_hits
from tests.lab.quality.retrieval import first_paragraph
from tests.lab.quality.retrieval_sets import RetrievalSet, match_documents
from tests.lab.quality.retrieval_table import measure_set
from tests.lab.quality.retrieval_trial import (
    compare_trials,
    list_decision_figures,
    list_ranking_figures,
    read_trial,
    write_trial,
)

PAGES = {
    "lamp.md": "# Lamp\n\nThe lamp burns for nine hours. Its battery is charged by the sun.",
    "tent.md": "# Tent\n\nThe tent sleeps four. It is put up in ten minutes by two people.",
    "stove.md": "# Stove\n\nThe stove burns gas. A cartridge lasts for nine meals.",
    "rope.md": "# Rope\n\nThe rope is forty metres long and holds two climbers.",
}
QUESTIONS = (
    ("How many hours does the lamp burn?", "lamp.md"),
    ("How many people put up the tent?", "tent.md"),
    ("How long does a gas cartridge last?", "stove.md"),
)


@pytest.fixture(scope="module")
def camping(tmp_path_factory, packaged):
    folder = tmp_path_factory.mktemp("shelf")
    source = folder / "texts" / "camping"
    source.mkdir(parents=True)
    for name, text in PAGES.items():
        (source / name).write_text(text, encoding="utf-8")
    shelf = CollectionShelf(folder, Settings(), packaged)
    cases = [
        Case(id=uri, lang="en", question=question, evidence=(Evidence(uri=uri),), cluster=uri)
        for question, uri in QUESTIONS
    ]
    foreign = Case(id="none", lang="en", question="Who painted the harbour?", answerable=False)
    with shelf.open_collection("camping", source) as collection:
        yield (
            shelf,
            RetrievalSet(
                name="camping",
                collection=collection,
                cases=(*cases, foreign),
                find_right=match_documents,
                measures={"R@1": first_paragraph},
                decides=True,
            ),
        )


def test_a_trial_is_kept_and_compared_question_by_question(camping, tmp_path):
    shelf, part = camping
    results = list(measure_set(part, shelf.settings))
    write_trial(tmp_path / "a.json", results, {})
    worse = [replace(results[0], scores={"R@1": 0.0}), *results[1:]]
    assert read_trial(tmp_path / "a.json") == results
    (figure,) = list_ranking_figures(results)
    assert figure.values == (1.0, 1.0, 1.0)
    foreign, known = list_decision_figures(results)
    assert foreign.values == (0.0,)
    assert len(known.values) == 3
    (row,) = [line for line in compare_trials(results, worse).splitlines() if "R@1" in line]
    assert row.endswith("| 0 | 1 |")
    assert "-0.333" in row


def test_question_vectors_and_documents_are_taken_in_once(camping, packaged):
    shelf, _ = camping
    vector = shelf.embedder.embed_query("How long is the rope?")
    shelf.embedder.save()
    again = CollectionShelf(shelf.folder, Settings(), packaged)
    np.testing.assert_array_equal(again.embedder.embed_query("How long is the rope?"), vector)
    assert again.embedder.computed == 0
    kept = again.embedder.embed_passages(["The rope is red.", "The rope is red."])
    np.testing.assert_allclose(kept, packaged.embed_passages(["The rope is red."] * 2), atol=1e-6)
    report = again.workspace.make_job("camping").run([shelf.folder / "texts" / "camping"])
    assert report.embedded == 0


def test_the_fit_reads_the_retriever_and_finds_what_a_weight_is_for(camping, tmp_path):
    shelf, part = camping
    options = shelf.settings.retrieve
    start = read_weights(options)
    write_tables(tmp_path / "f.npz", [gather_candidates(part, options)])
    (table,) = read_tables(tmp_path / "f.npz")
    assert measure_drift(table, start) < 1e-3
    assert measure_drift(table, {**start, "focus": 3.0}) > 0.02
    assert list_hits(table, start, options.near, 1) == [1.0, 1.0, 1.0]
    blind = dict.fromkeys(start, 0.0)
    blind = {**dict.fromkeys(start, 0.0), "lexical": 0.1}
    for by in ("loss", "rank"):
        fitted = fit_weights([table], blind, by=by)
        assert compute_loss([table], fitted) < compute_loss([table], blind)


def test_an_option_that_is_none_is_refused():
    with pytest.raises(ValueError, match=r"retrieve\.nearness"):
        change_setting(Settings(), "retrieve.nearness=1")
