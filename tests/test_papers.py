"""The papers say what is there: links lead somewhere, commands can be run, a README is one screen."""

import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("ragdesk", "ingest", "indexes", "eval")
PAPERS = sorted(
    paper
    for folder in (ROOT, *(ROOT / name for name in (*ROOMS, "tests")))
    for paper in (folder.glob("*.md") if folder == ROOT else folder.rglob("*.md"))
    if not {"fixtures", "documents", "inputs"} & set(paper.parts)  # those are material of tests
)
FILES = [file for name in (*ROOMS, "tests") for file in (ROOT / name).rglob("*.*")]
FILE_NAMES = {file.name for file in FILES}
OF_THE_OPERATOR = {"ragdesk.toml"}  # files that no checkout holds
SCREEN = 60


@pytest.mark.parametrize("paper", PAPERS, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_links_paths_and_commands_exist(paper: Path):
    text = paper.read_text(encoding="utf-8")
    for link in re.findall(r"\]\(([^)#\s]+)\)", text):
        if "://" not in link:
            assert (paper.parent / link).exists(), link
    for module in set(re.findall(r"python -m ([\w.]+)", text)):
        if module.partition(".")[0] in {*ROOMS, "tests"}:
            assert importlib.util.find_spec(module), f"python -m {module}"
    if paper.name == "CHANGELOG.md":
        return  # older releases name the files of their day
    for path in set(re.findall(r"`([\w./-]+\.(?:py|md|toml|js))\b", text)):
        if path.rpartition("/")[2] in OF_THE_OPERATOR:
            continue
        folder, _, name = path.rpartition("/")
        beside = (ROOT / path).exists() or _stands_below(paper.parent, path)
        assert beside or (not folder and name in FILE_NAMES), f"{path} does not exist"


def _stands_below(folder: Path, path: str) -> bool:
    """Look for a file; below the root in the rooms alone, as an environment may lie there too."""
    if folder == ROOT:
        return any(file.as_posix().endswith(f"/{path}") for file in FILES)
    return any(folder.rglob(path))


@pytest.mark.parametrize("room", ROOMS)
def test_a_readme_is_one_screen_and_names_every_package(room: str):
    text = (ROOT / room / "README.md").read_text(encoding="utf-8")
    assert text.count("\n") <= SCREEN
    packages = [p.parent.name for p in (ROOT / room).glob("*/__init__.py")]
    assert [name for name in packages if f"`{name}/`" not in text] == []


@pytest.mark.parametrize("room", ROOMS)
def test_decisions_stand_newest_day_first(room: str):
    text = (ROOT / room / "DECISIONS.md").read_text(encoding="utf-8")
    days = re.findall(r"(?m)^\*\*(\d{4}-\d\d-\d\d)[,:]", text)
    assert days == sorted(days, reverse=True)
    assert "## Decisions" not in (ROOT / room / "README.md").read_text(encoding="utf-8")


def test_contributing_holds_the_recipes():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").partition("\n## Recipes\n")[2]
    recipes = re.findall(r"(?m)^### (.+)$", text)
    assert recipes == [
        "A file format",
        "A reranker",
        "A vector store",
        "A field of an answer",
        "A metric",
    ]


@pytest.mark.parametrize("room", ["ragdesk", "ingest", "indexes", "eval"])
def test_every_module_stands_in_a_map(room):
    """Where a folder is a list of things alike, one a file, its name is enough."""
    maps = [paper for paper in (ROOT / room).rglob("*.md") if paper.name != "DECISIONS.md"]
    words = set(re.findall(r"\w+", "\n".join(paper.read_text(encoding="utf-8") for paper in maps)))
    alike = {ROOT / "ragdesk" / "cli", ROOT / "eval" / "imports"}
    missing = [
        file.relative_to(ROOT).as_posix()
        for file in sorted((ROOT / room).rglob("*.py"))
        if file.parent not in alike and not file.stem.startswith("__") and file.stem not in words
    ]
    assert missing == []
