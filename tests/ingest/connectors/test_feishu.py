"""Feishu against a small server of the tests; it was not tried against the real one."""

import pytest
from feishu_server import FeishuServer, docx, paragraph, run
from small_server import SmallReply, SmallServer
from source_checks import Waits, make_paced_client, read_source, site_address, update_source

from indexes.store.access_log import NOBODY_GROUPS
from ingest.connectors.feishu import FeishuConnector
from ingest.connectors.feishu_blocks import DocxWriter
from ingest.connectors.feishu_session import FeishuSession
from ingest.errors import SourceUnreadable
from ingest.parse.registry import parse_document

GROUPS = {"oc_staff": ("staff",), "od_hr": ("hr",), "workspace": ("staff", "hr"), "public": ("*",)}


class Tenant(FeishuServer):
    """A Feishu that is looked at. clock: of the client, by which tokens run out."""

    server: SmallServer
    waits: Waits
    word = "app-secret"
    roots: tuple[str, ...] = ()
    clock = 0.0

    def connect(self) -> FeishuConnector:
        client = make_paced_client(self.server, self.waits)
        address = site_address(self.server)
        session = FeishuSession(client, address, "cli_a", self.word, clock=lambda: self.clock)
        return FeishuConnector(session, self.roots)


@pytest.fixture
def feishu():
    one = Tenant()
    one.waits = Waits()
    one.put_node("w1", "员工手册", paragraph("全部规定。"))
    one.put_node("w2", "休假", paragraph("每年30天。"), parent="w1")
    one.put_node("w3", "薪酬", paragraph("每月10日发放。"), parent="w1")
    one.put_node("w4", "A table", parent="w1", kind="sheet")
    one.put_node("w5", "Below the table", parent="w4")
    one.put_node("w6", "A shortcut", node_type="shortcut")
    one.members["w3"] = [("opendepartmentid", "od_hr"), ("openid", "ou_1")]
    with SmallServer(one.answer) as one.server:
        yield one


def groups_of(folder):
    return {path: page.groups for path, page in read_source(folder).items()}


def test_the_tree_of_a_space_is_walked_with_who_may_see_each_document(tmp_path, feishu):
    report = update_source(tmp_path, feishu.connect, GROUPS)
    assert (report.listed, report.fetched) == (4, 4)
    assert groups_of(tmp_path) == {
        "wiki/w1": frozenset({"staff"}),
        "wiki/w2": frozenset({"staff"}),
        "wiki/w3": frozenset({"hr"}),
        "wiki/w5": frozenset({"staff"}),
    }
    page = read_source(tmp_path)["wiki/w2"]
    assert page.address == "https://example.feishu.cn/docx/dw2"
    document = parse_document(page.file.read_bytes(), "a.html")
    assert (document.title, document.text) == ("休假", "休假\n\n每年30天。")
    assert feishu.tokens == 1


def test_only_what_changed_is_fetched_and_a_new_title_keeps_the_document(tmp_path, feishu):
    update_source(tmp_path, feishu.connect, GROUPS)
    feishu.server.requests.clear()
    feishu.put_node("w2", "年假", paragraph("每年25天。"), parent="w1", edited=1_700_000_000)
    report = update_source(tmp_path, feishu.connect, GROUPS)
    assert report.fetched == 1
    assert {one for one in feishu.server.targets if "/blocks" in one} == {
        "/open-apis/docx/v1/documents/dw2/blocks?page_size=500"
    }
    assert "25天".encode() in read_source(tmp_path)["wiki/w2"].file.read_bytes()


def test_permissions_change_without_an_edit(tmp_path, feishu):
    update_source(tmp_path, feishu.connect, GROUPS)
    feishu.shared = {"w1": "tenant_readable", "w2": "anyone_editable", "w3": "closed"}
    feishu.members["w5"] = [("openid", "ou_1"), ("openchat", "staff")]
    report = update_source(tmp_path, feishu.connect, GROUPS)
    assert report.fetched == 0
    assert groups_of(tmp_path) == {
        "wiki/w1": frozenset({"staff", "hr"}),
        "wiki/w2": frozenset(),
        "wiki/w3": frozenset({"hr"}),
        "wiki/w5": NOBODY_GROUPS,
    }


def test_permissions_that_may_not_be_read_are_for_administrators(tmp_path, feishu):
    feishu.refused = {"w2"}
    update_source(tmp_path, feishu.connect, GROUPS)
    assert groups_of(tmp_path)["wiki/w2"] == NOBODY_GROUPS


def test_folders_are_walked_and_addresses_taken(tmp_path, feishu):
    feishu.roots = ("folder:f1",)
    feishu.files = {
        "f1": [
            {"token": "f2", "type": "folder", "name": "Inner"},
            {
                "token": "x1",
                "type": "docx",
                "name": "One",
                "url": "https://example.feishu.cn/docx/x1",
                "modified_time": "1642402428",
            },
            {"token": "s1", "type": "sheet", "name": "Sheet"},
        ],
        "f2": [
            {"token": "f1", "type": "folder", "name": "In circles"},
            {"token": "x2", "type": "docx", "name": "Two", "modified_time": "1642402428"},
        ],
    }
    feishu.documents |= {"x1": docx("One", paragraph("a")), "x2": docx("Two", paragraph("b"))}
    update_source(tmp_path, feishu.connect, GROUPS)
    stored = read_source(tmp_path)
    assert stored.keys() == {"docx/x1", "docx/x2"}
    assert stored["docx/x1"].address == "https://example.feishu.cn/docx/x1"
    feishu.files["f2"] = []
    assert update_source(tmp_path, feishu.connect, GROUPS).removed == 1


def test_what_is_gone_is_removed_and_a_listing_that_breaks_off_removes_nothing(tmp_path, feishu):
    update_source(tmp_path, feishu.connect, GROUPS)
    for place in ("parent_node_token=w1", "page_token=2", "/wiki/v2/spaces?"):
        feishu.broken_at = place
        with pytest.raises(SourceUnreadable, match="504"):
            update_source(tmp_path, feishu.connect, GROUPS)
    assert len(read_source(tmp_path)) == 4
    feishu.broken_at = ""
    del feishu.nodes["w3"]
    feishu.nodes["w2"].update(space_id="71", parent_node_token="elsewhere")  # noqa: S106
    assert update_source(tmp_path, feishu.connect, GROUPS).removed == 2


def test_a_document_deleted_after_the_listing_is_gone(tmp_path, feishu):
    update_source(tmp_path, feishu.connect, GROUPS)
    feishu.nodes["w2"]["obj_edit_time"] = "1700000000"
    del feishu.documents["dw2"]
    assert update_source(tmp_path, feishu.connect, GROUPS).removed == 1


def test_a_document_that_is_shut_while_it_is_read_waits_for_the_next_look(tmp_path, feishu):
    plain = feishu.answer

    def shut(request):
        if "/dw2/blocks" in request.target:
            feishu.members["w2"] = [("opendepartmentid", "od_hr")]
        return plain(request)

    feishu.server.answer = shut
    report = update_source(tmp_path, feishu.connect, GROUPS)
    assert [one.uri for one in report.failures] == ["wiki/wiki/w2"]
    feishu.server.answer = plain
    update_source(tmp_path, feishu.connect, GROUPS)
    assert groups_of(tmp_path)["wiki/w2"] == frozenset({"hr"})


def test_a_token_that_runs_out_is_renewed_and_too_many_requests_are_spaced(tmp_path, feishu):
    plain, count = feishu.answer, iter(range(10_000))

    def revoke(request):
        if next(count) == 5:
            feishu.valid_token = "t-other"  # noqa: S105
        return plain(request)

    feishu.server.answer = revoke
    feishu.too_fast = 2
    assert update_source(tmp_path, feishu.connect, GROUPS).fetched == 4
    assert feishu.tokens == 2
    assert [wait for wait in feishu.waits if wait >= 1] == [1.0, 2.0]


def test_a_wrong_secret_names_the_remedy_and_not_the_secret(tmp_path, feishu):
    feishu.word = "wrong-secret"
    with pytest.raises(SourceUnreadable, match=r"10014.*\[sources\.wiki\] user") as caught:
        update_source(tmp_path, feishu.connect, GROUPS)
    assert "wrong-secret" not in str(caught.value)


def test_a_space_that_the_app_may_not_read_is_an_error(tmp_path, feishu):
    update_source(tmp_path, feishu.connect, GROUPS)
    plain = feishu.answer
    feishu.server.answer = lambda request: (
        SmallReply(status=400, body=b'{"code": 131006, "msg": "permission denied"}')
        if "/nodes?" in request.target
        else plain(request)
    )
    with pytest.raises(SourceUnreadable, match="131006"):
        update_source(tmp_path, feishu.connect, GROUPS)
    assert len(read_source(tmp_path)) == 4


def test_blocks_become_text_with_lists_tables_and_links(tmp_path):
    blocks = docx(
        "Costs",
        {"block_type": 3, "heading1": {"elements": [run("Flights")]}},
        {"block_type": 12, "bullet": {"elements": [run("Book early")]}},
        {"block_type": 12, "bullet": {"elements": [run("by March")]}, "in": 2},
        {"block_type": 14, "code": {"elements": [run("a < b")]}},
        {
            "block_type": 31,
            "table": {"cells": ["7", "8"], "property": {"column_size": 2, "header_row": False}},
        },
        {"block_type": 19, "callout": {}},
        {"block_type": 32, "in": 5},
        {"block_type": 32, "in": 5},
        paragraph("Grade A", **{"in": 7}),
        paragraph("900", **{"in": 8}),
        paragraph("Mind this", **{"in": 6}),
        {
            "block_type": 2,
            "text": {
                "elements": [
                    run("see "),
                    run("here", "https%3A%2F%2Fa.example%2F"),
                    run("no", "javascript%3Ax"),
                ]
            },
        },
    )
    writer = DocxWriter(blocks)
    document = parse_document(
        f"<!doctype html><main>{writer.write_document()}</main>".encode(), "a.html"
    )
    words = " ".join(document.text.split())
    assert writer.find_title() == "Costs"
    for part in (
        "Flights",
        "Book early",
        "by March",
        "a < b",
        "Grade A",
        "900",
        "Mind this",
        "see here",
    ):
        assert part in words
    assert [link.href for link in document.links] == ["https://a.example/"]


def test_blocks_that_lie_in_each_other_are_written_once():
    blocks = docx("Loop", paragraph("a"), paragraph("b", **{"in": 1}))
    blocks[2]["children"] = ["1", "0", "2"]
    blocks[0]["children"] += ["1", "9", 7, None]
    assert DocxWriter(blocks).write_document().count("<p>a</p>") == 1
    assert DocxWriter([]).write_document() == ""
    assert DocxWriter([{"block_id": "0", "children": "none"}, {}]).find_title() == ""
