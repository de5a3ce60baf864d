"""The figures in the README are those of RESULTS.md."""

import re
from pathlib import Path

import pytest

from tests.lab import results, summary

README = Path(__file__).parents[2] / "README.md"


def test_the_readme_says_what_was_measured():
    readme = README.read_text(encoding="utf-8")
    assert readme == summary.written(readme, results.RESULTS.read_text(encoding="utf-8"))


def test_every_command_that_writes_figures_stands_in_the_table():
    table = results.RESULTS.with_name("README.md").read_text(encoding="utf-8")
    commands = re.findall(r"`python -m ([\w.]+)", results.RESULTS.read_text("utf-8"))
    assert commands
    assert {name for name in commands if f"`python -m {name}" not in table} == set()


def test_a_readme_without_a_place_for_figures_is_refused():
    with pytest.raises(ValueError, match="no place for figures"):
        summary.written("# ragdesk", "")
