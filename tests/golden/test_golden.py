"""What parsers, splitter and tokenizer make of stored inputs changes with their numbers alone."""

import shutil

import pytest

from indexes.text import tokens, word_forms
from ingest import split
from ingest.parse.markup import boilerplate
from ingest.parse.parser_table import CONVERTED_MODULE, PARSER_TABLE
from ingest.parse.pdf import reading_order, running_lines
from tests.golden import __main__ as golden
from tests.golden import current_outputs
from tests.golden.current_outputs import FURTHER_FILES, PARSED_FILES, list_cases

CASES = {case.name: case for case in list_cases()}


@pytest.fixture
def other_stems(monkeypatch):
    """Let every word's last letter go, as another stemmer might."""
    monkeypatch.setattr(word_forms, "stem_word", lambda run: run[:-1] if run.isalpha() else run)
    tokens._spelling_cache.clear()
    yield
    tokens._spelling_cache.clear()


@pytest.fixture
def stored_aside(monkeypatch, tmp_path):
    """Let outputs be written to a copy of those that are stored."""
    aside = shutil.copytree(current_outputs.STORED, tmp_path / "stored")
    monkeypatch.setattr(current_outputs, "STORED", aside)
    return aside


@pytest.mark.parametrize("name", CASES)
def test_no_output_changes_without_its_version(name):
    assert golden.find_problem(CASES[name]) is None


def test_every_media_type_has_an_input():
    own = {kind for kind, row in PARSER_TABLE.items() if row.module != CONVERTED_MODULE}
    assert PARSED_FILES.keys() == own


@pytest.mark.parametrize(("kind", "names"), FURTHER_FILES.items())
def test_every_further_input_is_of_its_media_type(kind, names):
    stored = [CASES[f"parser-{name}"].read_stored() for name in names]
    assert {facts["output"]["media_type"] for facts in stored} == {kind}


@pytest.mark.parametrize(
    ("module", "name", "other", "case"),
    [
        (reading_order, "FEWEST_PAIRS", 99, "parser-handbook.pdf"),
        (reading_order, "FEWEST_COLUMN_LINES", 99, "parser-handbook.pdf"),
        (reading_order, "LARGEST_SIGN", 0, "parser-sampler.pdf"),
        (running_lines, "FEWEST_LETTERS", 99, "parser-handbook.pdf"),
        (boilerplate, "MOST_LINKED", 0.4, "parser-shop.html"),
        (boilerplate, "LONGEST_CAPTION", 39, "parser-shop.html"),
        (boilerplate, "SHORTEST_MAIN", 0, "parser-shell.html"),
        (tokens, "is_identifier", str.isdecimal, "identifiers"),
        (word_forms, "MOST_IDENTIFIER_PARTS", 4, "tokens-names"),
    ],
)
def test_another_rule_is_noticed(monkeypatch, module, name, other, case):
    tokens._spelling_cache.clear()
    monkeypatch.setattr(module, name, other)
    problem = golden.find_problem(CASES[case])
    tokens._spelling_cache.clear()
    assert "has changed, and its version has not" in problem


def test_another_stem_is_noticed_and_the_message_says_which_number_to_raise(other_stems):
    problem = golden.find_problem(CASES["tokens"])
    place = f"TOKENS_VERSION in indexes/text/tokens.py (now {tokens.TOKENS_VERSION})"
    assert f"raise {place}" in problem
    assert "python -m tests.golden --write" in problem


def test_another_cut_is_noticed(monkeypatch):
    monkeypatch.setattr(split, "_LEADS_IN", 0)
    assert "raise SPLIT_VERSION in ingest/split.py" in golden.find_problem(CASES["splitter"])


def test_nothing_is_stored_before_the_version_is_raised(
    other_stems, stored_aside, monkeypatch, capsys
):
    before = {file.name: file.read_bytes() for file in stored_aside.iterdir()}
    assert golden.main(["--write"]) == 1
    assert "Raise TOKENS_VERSION" in capsys.readouterr().out
    assert {file.name: file.read_bytes() for file in stored_aside.iterdir()} == before

    monkeypatch.setattr(tokens, "TOKENS_VERSION", tokens.TOKENS_VERSION + 1)
    assert "not stored" in golden.find_problem(CASES["tokens"])
    assert golden.main(["--write"]) == 0
    assert golden.find_problem(CASES["tokens"]) is None
    assert (stored_aside / "splitter.json").read_bytes() == before["splitter.json"]
