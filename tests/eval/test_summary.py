"""The figures in the README are those of RESULTS.md."""

from pathlib import Path

import pytest

from eval.bench import results, summary

README = Path(__file__).parents[2] / "README.md"


def test_the_readme_says_what_was_measured():
    readme = README.read_text(encoding="utf-8")
    assert readme == summary.written(readme, results.RESULTS.read_text(encoding="utf-8"))


def test_a_readme_without_a_place_for_figures_is_refused():
    with pytest.raises(ValueError, match="no place for figures"):
        summary.written("# ragdesk", "")
