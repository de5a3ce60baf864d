"""Filters by path let through exactly what begins with one of them, at the cost of a look-up."""

import itertools
import time
from contextlib import closing

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from indexes.chunk import SearchFilter
from indexes.store import document_table, document_table_writer, prefix_ranges
from indexes.store.document_table import DocumentTable, ListedDocument

LETTERS = "ab/%_*[?'\"\\退款\ud7ff\ue000\U0010ffff A"
NAMES = st.text(LETTERS, min_size=1, max_size=5)
MANY = 20_000


def table(place, uris):
    place.mkdir()
    facts = {"source": "s", "title": "", "media_type": "", "language": "", "digest": ""}
    listed = [
        ListedDocument(
            id=f"{n}", uri=uri, segment="s", first=n, count=1, groups=frozenset(), **facts
        )
        for n, uri in enumerate(uris)
    ]
    document_table_writer.write_document_table(place, listed)
    return DocumentTable(place / document_table.TABLE_FILE)


@settings(max_examples=60, deadline=None)
@given(
    uris=st.lists(NAMES, unique=True, max_size=12),
    paths=st.lists(st.text(LETTERS + "\0", max_size=4), min_size=1, max_size=6),
    exact=st.lists(NAMES, max_size=3),
    few=st.sampled_from([1, 10_000]),
)
@example(uris=["a\U0010ffffb", "b"], paths=["a\U0010ffff"], exact=[], few=10_000)
@example(uris=["\U0010ffffb", "b"], paths=["\U0010ffff"], exact=[], few=10_000)
@example(uris=["a"], paths=["\0", "\ud800"], exact=[], few=10_000)
def test_it_is_what_a_plain_comparison_lets_through(uris, paths, exact, few, tmp_path_factory):
    before, document_table._FEW = document_table._FEW, few
    try:
        with closing(table(tmp_path_factory.mktemp("p") / "t", uris)) as held:
            asked = SearchFilter(paths=tuple(paths), uris=frozenset(exact))
            found = {uris[first] for _, first, _ in held.filter_ranges(asked)}
    finally:
        document_table._FEW = before
    assert found == {
        uri for uri in uris if uri.startswith(tuple(paths)) and (not exact or uri in exact)
    }


@given(paths=st.lists(NAMES, max_size=8), name=NAMES)
def test_ranges_are_apart_and_hold_what_they_should(paths, name):
    sought = prefix_ranges.make_prefix_ranges(paths)
    assert sought is not None
    assert prefix_ranges.lies_in_ranges(name, sought) == name.startswith(tuple(paths))
    for (_, high), (low, _) in itertools.pairwise(sought):
        assert high is not None
        assert high <= low


@pytest.mark.parametrize("where", ["nowhere", "beside"])
def test_a_hundred_long_paths_cost_hardly_more_than_a_short_one(tmp_path, where):
    """Each was held against each name: that took a hundred times as long as reading all rows."""
    with closing(table(tmp_path / "t", [f"folder/{n}.md" for n in range(MANY)])) as held:
        head = "folder/1" if where == "beside" else "z"
        long = SearchFilter(paths=tuple(f"{head}{'a' * 890}{n}" for n in range(100)))
        everything = SearchFilter(languages=frozenset({""}))
        assert held.filter_ranges(long) == []
        assert len(held.filter_ranges(everything)) == MANY
        assert seconds(held, long) < 10 * seconds(held, everything)


def seconds(held, asked):
    def once():
        began = time.perf_counter()
        held.filter_ranges(asked)
        return time.perf_counter() - began

    return min(once() for _ in range(3))
