"""Names that were stored become paths in one place only."""

import ast
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexes.errors import IndexDamaged
from indexes.store.paths import is_digest, join_stored, open_plain, original_file, segment_folder

ROOT = Path(__file__).parents[3]
STORED = {"digest", "digests", "uri", "sha256", "segment"}


@given(
    st.text()
    | st.from_regex(r"[./a-z0-9\\\x00~-]{0,12}", fullmatch=True)
    | st.none()
    | st.integers()
)
def test_no_name_leaves_its_folder(name):
    folder = Path("/home/collection/originals")
    try:
        place = join_stored(folder, name)
    except IndexDamaged:
        return
    assert place.resolve().is_relative_to(folder)
    assert place != folder
    assert ".." not in place.parts


@pytest.mark.parametrize(
    "digest", ["", "a" * 63, "A" * 64, "../" + "a" * 61, "a" * 64 + "\n", None, 7, b"a" * 64]
)
def test_a_digest_is_64_small_hexadecimal_digits_and_nothing_else(digest):
    assert not is_digest(digest)
    for path in (original_file, segment_folder):
        with pytest.raises(IndexDamaged, match="digest"):
            path(Path("c"), digest)


def test_what_took_the_place_of_a_file_is_not_opened(tmp_path):
    (tmp_path / "real").write_text("x")
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "folder").mkdir()
    with open_plain(tmp_path / "real") as content:
        assert content.read() == b"x"
    with pytest.raises(IndexDamaged, match="is a link"):
        open_plain(tmp_path / "link")
    with pytest.raises(IndexDamaged, match="not a plain file"):
        open_plain(tmp_path / "folder")


def named(node):
    """Give the names that an expression rests on."""
    for one in ast.walk(node):
        if isinstance(one, ast.Name):
            yield one.id
        elif isinstance(one, ast.Attribute):
            yield one.attr


def joins(tree):
    """Give every expression that becomes a part of a path."""
    for node in ast.walk(tree):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
            yield node.right
        elif isinstance(node, ast.Call):
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            if name in {"joinpath", "with_name"}:
                yield from node.args


def test_nothing_else_joins_what_was_stored():
    found = []
    for room in ("indexes", "ingest", "ragdesk"):
        for file in sorted((ROOT / room).rglob("*.py")):
            source = file.read_text(encoding="utf-8")
            own = file.name in {
                "paths.py",
                "model_files.py",
                "embedder.py",
            }  # those two: sums just taken of a model
            if not own and any(name in source for name in STORED):
                tree = ast.parse(source)
                where = file.relative_to(ROOT).as_posix()
                found += [
                    f"{where}:{part.lineno}" for part in joins(tree) if STORED & set(named(part))
                ]
    assert found == []
