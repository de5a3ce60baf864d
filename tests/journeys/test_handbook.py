"""The sample company is the gate: what is found, said and refused stays at least as good."""

import tomllib

import pytest

from tests.lab.quality import handbook


@pytest.fixture
def opened(asked_company):
    return asked_company


def test_every_quote_of_a_case_stands_in_its_document(opened):
    for case in handbook.cases():
        assert handbook.locate(case, opened) or not case.answerable


def test_a_fifth_of_the_cases_has_no_answer():
    cases = handbook.cases()
    assert 0.18 <= sum(not c.answerable for c in cases) / len(cases) <= 0.25


def test_every_citation_is_the_exact_text(opened):
    for answer in handbook.answers(opened, handbook.cases()):
        for citation in answer.citations:
            text = opened.index.read_text(citation.uri) or ""
            assert text[citation.start : citation.end] == citation.quote


def test_the_figures_hold(opened):
    expected = tomllib.loads((handbook.HANDBOOK / "expected.toml").read_text(encoding="utf-8"))
    measured = handbook.measure(opened)

    failed = [
        f"{name}: {measured[name]}, not {bounds}"
        for name, bounds in expected.items()
        if not bounds.get("at_least", 0) <= measured[name].value <= bounds.get("at_most", 1)
    ]

    assert not failed
