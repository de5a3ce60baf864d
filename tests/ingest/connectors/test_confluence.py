"""Confluence against a small server of the tests; it was not tried against the real one."""

import itertools

import pytest
from confluence_server import ConfluenceServer, WikiPage
from small_server import SmallServer
from source_checks import Waits, make_paced_client, read_source, site_address, update_source

from indexes.store.access_log import NOBODY_GROUPS
from ingest.connectors.confluence import ConfluenceConnector, basic_login
from ingest.connectors.confluence_storage import convert_storage
from ingest.errors import SourceUnreadable
from ingest.parse.registry import parse_document

GROUPS = {"all-staff": ("staff", "hr"), "g-hr": ("hr",), "people": ("hr",)}
STAFF, HR = frozenset({"staff", "hr"}), frozenset({"hr"})


class Wiki(ConfluenceServer):
    """A Confluence that is looked at."""

    server: SmallServer
    key = "secret"

    def connect(self) -> ConfluenceConnector:
        login = basic_login("desk@example.test", self.key)
        client = make_paced_client(self.server, Waits(), login)
        return ConfluenceConnector(client, site_address(self.server, "/wiki"), ("HR",))


@pytest.fixture
def wiki():
    one = Wiki(
        pages={
            "10": WikiPage(title="Home"),
            "11": WikiPage(title="Leave", parent="10", body="<p>30 days.</p>"),
            "12": WikiPage(title="Pay", parent="10", groups=("g-hr",)),
            "13": WikiPage(title="Bonus", parent="12"),
            "14": WikiPage(title="Board", parent="10", users=("u1",)),
        }
    )
    with SmallServer(one.answer) as one.server:
        yield one


def groups_of(folder):
    return {path.partition("/")[2]: page.groups for path, page in read_source(folder).items()}


def test_pages_are_listed_over_several_replies_with_who_may_see_them(tmp_path, wiki):
    report = update_source(tmp_path, wiki.connect, GROUPS)
    assert (report.listed, report.fetched) == (5, 5)
    assert groups_of(tmp_path) == {
        "10": STAFF,
        "11": STAFF,
        "12": HR,
        "13": HR,  # it lies in a restricted page
        "14": NOBODY_GROUPS,  # for persons, who are no groups
    }
    page = read_source(tmp_path)["HR/11"]
    assert page.address == site_address(wiki.server, "/wiki/spaces/HR/pages/11/Leave")
    document = parse_document(page.file.read_bytes(), "wiki/HR/11.html")
    assert (document.title, document.text) == ("Leave", "Leave\n\n30 days.")
    assert [link.href for link in document.links] == [page.address]


def test_only_what_changed_is_fetched_and_a_new_title_keeps_the_document(tmp_path, wiki):
    update_source(tmp_path, wiki.connect, GROUPS)
    wiki.server.requests.clear()
    wiki.pages["11"] = wiki.pages["11"].edit(title="Holidays")
    report = update_source(tmp_path, wiki.connect, GROUPS)
    bodies = [one for one in wiki.server.targets if "body-format" in one]
    assert bodies == ["/wiki/api/v2/pages/11?body-format=storage"]
    assert (report.fetched, report.unchanged) == (1, 4)
    stored = read_source(tmp_path)
    assert "HR/11" in stored
    assert b"<title>Holidays</title>" in stored["HR/11"].file.read_bytes()


def test_a_restriction_holds_without_a_new_version(tmp_path, wiki):
    update_source(tmp_path, wiki.connect, GROUPS)
    wiki.pages["10"] = WikiPage(title="Home", groups=("g-hr",))
    report = update_source(tmp_path, wiki.connect, GROUPS)
    assert report.fetched == 0
    assert set(groups_of(tmp_path).values()) == {HR, NOBODY_GROUPS}


def test_what_cannot_be_read_of_permissions_is_for_administrators(tmp_path, wiki):
    wiki.unlisted, wiki.hidden = {"11", "13"}, {"11"}
    update_source(tmp_path, wiki.connect, GROUPS)
    assert groups_of(tmp_path)["11"] == NOBODY_GROUPS
    assert groups_of(tmp_path)["13"] == HR  # asked for by itself
    wiki.permissions_status = 403
    update_source(tmp_path, wiki.connect, GROUPS)
    assert set(groups_of(tmp_path).values()) == {NOBODY_GROUPS}
    wiki.permissions_status, wiki.space_groups = 200, ()
    update_source(tmp_path, wiki.connect, GROUPS)
    assert set(groups_of(tmp_path).values()) == {NOBODY_GROUPS}


def test_a_page_below_one_that_is_not_seen_is_for_administrators(tmp_path, wiki):
    wiki.pages["15"] = WikiPage(title="Lost", parent="99")
    wiki.pages["16"] = WikiPage(title="In circles", parent="17")
    wiki.pages["17"] = WikiPage(title="In circles", parent="16")
    wiki.folders = {"50": "12"}
    wiki.pages["18"] = WikiPage(title="In a folder", parent="50", parent_kind="folder")
    wiki.pages["19"] = WikiPage(title="In a lost folder", parent="51", parent_kind="folder")
    update_source(tmp_path, wiki.connect, GROUPS)
    groups = groups_of(tmp_path)
    assert {groups[one] for one in ("15", "16", "17", "19")} == {NOBODY_GROUPS}
    assert groups["18"] == HR


@pytest.mark.parametrize("place", ["/pages?", "cursor=2", "content/search", "permissions"])
def test_a_listing_that_breaks_off_removes_nothing(tmp_path, wiki, place):
    update_source(tmp_path, wiki.connect, GROUPS)
    wiki.pages = {"10": wiki.pages["10"]} if place == "/pages?" else wiki.pages
    wiki.broken_at = place
    with pytest.raises(SourceUnreadable, match="502"):
        update_source(tmp_path, wiki.connect, GROUPS)
    assert len(read_source(tmp_path)) == 5


def test_what_is_gone_trashed_or_moved_elsewhere_is_removed(tmp_path, wiki):
    update_source(tmp_path, wiki.connect, GROUPS)
    del wiki.pages["11"]
    wiki.pages["13"] = wiki.pages["13"].edit(status="trashed")
    wiki.spaces["2"] = "IT"
    wiki.pages["12"] = wiki.pages["12"].edit(space="2")
    report = update_source(tmp_path, wiki.connect, GROUPS)
    assert report.removed == 3
    assert read_source(tmp_path).keys() == {"HR/10", "HR/14"}


def test_a_space_that_is_not_seen_any_more_is_an_error_and_no_removal(tmp_path, wiki):
    update_source(tmp_path, wiki.connect, GROUPS)
    wiki.spaces = {}
    with pytest.raises(SourceUnreadable, match="no space 'HR'"):
        update_source(tmp_path, wiki.connect, GROUPS)
    assert len(read_source(tmp_path)) == 5


def test_a_wrong_token_names_the_remedy_and_not_the_token(tmp_path, wiki):
    wiki.key = "wrong-secret"
    with pytest.raises(SourceUnreadable, match=r"\[sources\.wiki\] token") as caught:
        update_source(tmp_path, wiki.connect, GROUPS)
    assert "wrong-secret" not in str(caught.value)


def test_a_page_that_is_restricted_while_it_is_read_waits_for_the_next_look(tmp_path, wiki):
    plain = wiki.answer

    def restrict_late(request):
        if "/pages/11?body-format" in request.target:
            wiki.pages["11"] = wiki.pages["11"].edit(body="<p>Secret.</p>", groups=("g-hr",))
        elif "/pages/10?body-format" in request.target:
            wiki.pages["10"] = wiki.pages["10"].edit(body="<p>As open as before.</p>")
        return plain(request)

    wiki.server.answer = restrict_late
    report = update_source(tmp_path, wiki.connect, GROUPS)
    assert [one.uri for one in report.failures] == ["wiki/HR/11"]
    assert b"As open" in read_source(tmp_path)["HR/10"].file.read_bytes()
    wiki.server.answer = plain
    update_source(tmp_path, wiki.connect, GROUPS)
    assert groups_of(tmp_path)["11"] == HR


def test_a_listing_that_never_ends_is_left(tmp_path, wiki):
    count = itertools.count()
    plain = wiki.answer

    def answer(request):
        reply = plain(request)
        if "/pages?" not in request.target or "/spaces/" not in request.target:
            return reply
        link = f'"next": "/wiki/api/v2/spaces/1/pages?cursor=0&n={next(count) % 5}"'
        return type(reply)(
            body=reply.body.replace(b'"_links": {}', b'"_links": {%b}' % link.encode())
        )

    wiki.per_reply = 50
    wiki.server.answer = answer
    with pytest.raises(SourceUnreadable, match="never ends"):
        update_source(tmp_path, wiki.connect, GROUPS)


def test_a_link_to_the_next_reply_that_leads_elsewhere_is_not_asked(tmp_path, wiki):
    plain = wiki.answer

    def answer(request):
        reply = plain(request)
        return type(reply)(
            body=reply.body.replace(b'"/wiki/api/v2/spaces/1/pages?', b'"http://evil.example/?')
        )

    wiki.server.answer = answer
    with pytest.raises(Exception, match=r"evil\.example is not listed"):
        update_source(tmp_path, wiki.connect, GROUPS)


STORAGE = """<h1>Rules</h1>
<ac:structured-macro ac:name="info"><ac:parameter ac:name="title">Note</ac:parameter>
<ac:parameter ac:name="icon">false</ac:parameter>
<ac:rich-text-body><p>Ask &eacute;arly.</p></ac:rich-text-body></ac:structured-macro>
<p>See <ac:link><ri:page ri:content-title="Travel &amp; costs" /></ac:link> and
<ac:link><ri:page ri:content-title="Pay" /><ac:plain-text-link-body><![CDATA[pay < now]]></ac:plain-text-link-body></ac:link>.</p>
<ac:structured-macro ac:name="code"><ac:parameter ac:name="language">sh</ac:parameter>
<ac:plain-text-body><![CDATA[ls <a> && b]]></ac:plain-text-body></ac:structured-macro>
<ac:structured-macro ac:name="jira"><ac:parameter ac:name="key">X-1</ac:parameter></ac:structured-macro>
<ac:structured-macro ac:name="toc" />
<ac:task-list><ac:task><ac:task-id>1</ac:task-id><ac:task-status>incomplete</ac:task-status>
<ac:task-body>Sign it by <time datetime="2026-01-31" /></ac:task-body></ac:task></ac:task-list>
<ac:image><ri:attachment ri:filename="a.png" /></ac:image><!-- hidden -->
<table><tbody><tr><th>Grade</th></tr><tr><td>A</td></tr></tbody></table>"""


def test_the_storage_format_becomes_text_without_its_parameters():
    document = parse_document(
        f"<!doctype html><body><main>{convert_storage(STORAGE)}</main></body>".encode(), "a.html"
    )
    text = " ".join(document.text.split())
    for words in (
        "Rules",
        "Note",
        "Ask éarly.",
        "See Travel & costs and pay < now.",
        "ls <a> && b",
        "Sign it by 2026-01-31",
        "Grade",
    ):
        assert words in text
    for words in ("false", "language", "X-1", "incomplete", "a.png", "hidden"):
        assert words not in text


@pytest.mark.parametrize(
    "text",
    [
        "<![CDATA[" * 200_000,
        "<" * 500_000,
        "<!--" * 200_000,
        '<ac:structured-macro ac:name="toc">' * 50_000,
        "</ac:structured-macro>" * 50_000,
        "<ac:image" + " x" * 300_000,
    ],
)
def test_a_broken_page_is_walked_once(text):
    convert_storage(text)
