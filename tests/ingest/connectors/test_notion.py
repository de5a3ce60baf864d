"""Notion against a small server of the tests; it was not tried against the real one."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from notion_server import NotionServer, block, text
from small_server import SmallReply, SmallServer
from source_checks import Waits, make_paced_client, read_source, site_address, update_source

from indexes.store.access_log import NOBODY_GROUPS
from ingest.connectors.notion import NotionConnector, notion_headers
from ingest.errors import SourceUnreadable
from ingest.parse.registry import parse_document

GROUPS = {"unknown": ("staff",), "public": ("*",)}


class Workspace(NotionServer):
    """A Notion that is looked at."""

    server: SmallServer
    key = "ntn_secret"
    roots: tuple[str, ...] = ()

    def connect(self) -> NotionConnector:
        client = make_paced_client(self.server, Waits(), notion_headers(self.key))
        return NotionConnector(client, site_address(self.server), self.roots)


@pytest.fixture
def notion():
    one = Workspace()
    one.put_page(1, "Handbook", block("paragraph", "All rules."))
    one.put_page(2, "Leave", block("paragraph", "30 days."), parent=inside(1))
    one.put_page(3, "Press", block("paragraph", "Call us."), public=True)
    with SmallServer(one.answer) as one.server:
        yield one


def inside(number: int, kind: str = "page_id"):
    return {"type": kind, kind: str(UUID(int=number))}


def path_of(number: int) -> str:
    return UUID(int=number).hex


def test_pages_are_found_and_fetched_once(tmp_path, notion):
    report = update_source(tmp_path, notion.connect, GROUPS)
    assert (report.listed, report.fetched) == (3, 3)
    again = update_source(tmp_path, notion.connect, GROUPS)
    assert (again.fetched, again.unchanged) == (0, 3)
    page = read_source(tmp_path)[path_of(2)]
    assert page.address == f"https://www.notion.so/Leave-{path_of(2)}"


def test_who_may_see_a_page_is_not_told_so_the_settings_say_it(tmp_path, notion):
    update_source(tmp_path, notion.connect, {})
    assert {page.groups for page in read_source(tmp_path).values()} == {NOBODY_GROUPS}
    update_source(tmp_path, notion.connect, GROUPS)
    groups = {path: page.groups for path, page in read_source(tmp_path).items()}
    assert groups == {
        path_of(1): frozenset({"staff"}),
        path_of(2): frozenset({"staff"}),
        path_of(3): frozenset(),
    }


def test_half_a_character_in_a_page_stops_no_other_one(tmp_path, notion):
    """Titles are cut by halves of characters, which JSON can hold and no file or table can."""
    notion.put_page(5, "Party \ud83d", block("paragraph", "At \udfff eight."))
    report = update_source(tmp_path, notion.connect, GROUPS)
    assert (report.listed, report.fetched) == (4, 4)
    assert "Party \ufffd" in read_source(tmp_path)[path_of(5)].address


def test_what_changed_is_fetched_under_the_same_name(tmp_path, notion):
    update_source(tmp_path, notion.connect, GROUPS)
    notion.put_page(
        2, "Holidays", block("paragraph", "25 days."), edited="2026-06-01T08:00:00.000Z"
    )
    notion.put_page(4, "Holidays", block("paragraph", "Another of that title."))
    report = update_source(tmp_path, notion.connect, GROUPS)
    assert report.fetched == 2
    assert b"25 days" in read_source(tmp_path)[path_of(2)].file.read_bytes()
    assert path_of(4) in read_source(tmp_path)


@pytest.mark.parametrize("skew", [timedelta(0), timedelta(days=-400), timedelta(days=400)])
def test_two_edits_within_a_minute_are_both_taken_whatever_our_clock_says(tmp_path, notion, skew):
    server_now = datetime.now(UTC) + skew
    plain = notion.answer

    def answer(request):
        reply = plain(request)
        stamp = server_now.strftime("%a, %d %b %Y %H:%M:%S GMT")
        return SmallReply(status=reply.status, body=reply.body, headers={"Date": stamp})

    notion.server.answer = answer
    minute = server_now.strftime("%Y-%m-%dT%H:%M:00.000Z")
    notion.put_page(2, "Leave", block("paragraph", "First."), edited=minute)
    update_source(tmp_path, notion.connect, GROUPS)
    notion.put_page(2, "Leave", block("paragraph", "Second."), edited=minute)
    update_source(tmp_path, notion.connect, GROUPS)
    assert b"Second" in read_source(tmp_path)[path_of(2)].file.read_bytes()


def test_what_is_gone_is_removed_and_what_the_search_only_left_out_stays(tmp_path, notion):
    update_source(tmp_path, notion.connect, GROUPS)
    notion.unlisted = {1}
    notion.pages[2]["in_trash"] = True
    report = update_source(tmp_path, notion.connect, GROUPS)
    assert report.removed == 1
    assert read_source(tmp_path).keys() == {path_of(1), path_of(3)}
    del notion.pages[1]
    assert update_source(tmp_path, notion.connect, GROUPS).removed == 1


def test_roots_take_all_below_them_and_nothing_else(tmp_path, notion):
    notion.roots = (str(UUID(int=1)),)
    notion.put_page(5, "Deep", parent=inside(2))
    notion.put_page(6, "In circles", parent=inside(7))
    notion.put_page(7, "In circles", parent=inside(6))
    notion.put_page(8, "In a block of another", parent=inside(99, "block_id"))
    update_source(tmp_path, notion.connect, GROUPS)
    assert read_source(tmp_path).keys() == {path_of(1), path_of(2), path_of(5)}
    notion.pages[2]["parent"] = {"type": "workspace", "workspace": True}  # moved out, with 5
    assert update_source(tmp_path, notion.connect, GROUPS).removed == 2


@pytest.mark.parametrize("place", ["/v1/search", '"start_cursor": "2"'])
def test_a_search_that_breaks_off_or_is_not_whole_removes_nothing(tmp_path, notion, place):
    update_source(tmp_path, notion.connect, GROUPS)
    notion.broken_at = place
    with pytest.raises(SourceUnreadable, match="500"):
        update_source(tmp_path, notion.connect, GROUPS)
    notion.broken_at, notion.is_complete = "", False
    with pytest.raises(SourceUnreadable, match="not complete"):
        update_source(tmp_path, notion.connect, GROUPS)
    assert len(read_source(tmp_path)) == 3


def test_a_wrong_token_names_the_remedy(tmp_path, notion):
    notion.key = "ntn_wrong"
    with pytest.raises(SourceUnreadable, match=r"\[sources\.wiki\] token"):
        update_source(tmp_path, notion.connect, GROUPS)


def test_blocks_become_text_over_several_replies_and_levels(tmp_path, notion):
    notion.put_page(
        9,
        "Costs <and> more",
        block("heading_1", "Flights"),
        block("bulleted_list_item", "Book early", block("bulleted_list_item", "by March")),
        block(
            "bulleted_list_item",
            "",
            rich_text=[
                text("see "),
                text("here", "https://a.example/?x&y"),
                text("bad", "javascript:x()"),
            ],
        ),
        block("table", "", row("Grade", "Limit"), row("A", "900"), has_column_header=True),
        block("column_list", "", block("column", "", block("paragraph", "Side by side"))),
        block("code", "a < b"),
        block("child_page", title="Not here"),
        block("toggle", "More", block("paragraph", "Hidden below")),
        block("unsupported"),
        Phone={"type": "phone_number", "phone_number": "555-0100"},
        Tags={"type": "multi_select", "multi_select": [{"name": "hr"}, {"name": "it"}]},
    )
    update_source(tmp_path, notion.connect, GROUPS)
    document = parse_document(read_source(tmp_path)[path_of(9)].file.read_bytes(), "a.html")
    words = " ".join(document.text.split())
    assert document.title == "Costs <and> more"
    for part in (
        "Flights",
        "Book early",
        "by March",
        "see here",
        "Grade",
        "900",
        "Side by side",
        "a < b",
        "Hidden below",
        "Phone: 555-0100",
        "Tags: hr, it",
    ):
        assert part in words
    assert "Not here" not in words
    assert [link.href for link in document.links][1:] == ["https://a.example/?x&y"]


def row(*cells: str):
    return block("table_row", cells=[[text(cell)] for cell in cells])


def test_a_page_nested_without_end_or_too_large_does_not_hang(tmp_path, notion):
    deep = block("toggle", "end")
    for _ in range(60):
        deep = block("toggle", "on", deep)
    notion.put_page(9, "Deep", deep)
    notion.contents[path_of(3)] = notion.contents[path_of(3)] * 30_000
    notion.per_reply = 5_000
    report = update_source(tmp_path, notion.connect, GROUPS)
    assert [one.uri for one in report.failures] == [f"wiki/{path_of(3)}"]
    assert path_of(9) in read_source(tmp_path)
