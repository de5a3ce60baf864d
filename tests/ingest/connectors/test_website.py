"""A website against a small server of the tests, which answers as sitemaps.org and RFC 9309 say."""

import gzip
from pathlib import Path

import pytest
from small_server import SmallReply, SmallRequest, SmallServer
from source_checks import (
    HOST,
    Waits,
    make_paced_client,
    read_source,
    site_address,
    update_source,
)

from indexes.store.access_log import NOBODY_GROUPS
from ingest.connectors.website import WebsiteConnector
from ingest.errors import SourceUnreadable
from ingest.parse.registry import parse_document

NOW = 1_800_000_000.0  # 2027-01-15
OLD = "2026-05-01T10:00:00Z"


class Website:
    """A small website. pages: by path, the body and when the sitemap says it was changed."""

    def __init__(self) -> None:
        self.pages: dict[str, tuple[bytes, str]] = {
            "/help/returns": (b"<title>Returns</title><p>Returns take 30 days.</p>", OLD),
            "/help/": (b"<title>Help</title><p>All that we know.</p>", OLD),
            "/private/plan": (b"<title>Plan</title><p>Nothing for you.</p>", OLD),
        }
        self.robots = "User-agent: *\nDisallow: /private/\n"
        self.further: dict[str, SmallReply] = {}
        self.more_urls = ""
        self.waits = Waits()

    def answer(self, request: SmallRequest) -> SmallReply:
        if reply := self.further.get(request.path):
            return reply
        if request.path == "/robots.txt":
            return SmallReply(body=self.robots.encode())
        if request.path == "/sitemap.xml":
            return SmallReply(body=self.sitemap(), headers={"content-type": "application/xml"})
        if request.path not in self.pages:
            return SmallReply(status=404)
        body, _ = self.pages[request.path]
        etag = f'"{hash(body)}"'
        if request.headers.get("if-none-match") == etag:
            return SmallReply(status=304)
        return SmallReply(body=body, headers={"content-type": "text/html", "etag": etag})

    def sitemap(self) -> bytes:
        urls = "".join(
            f"<url><loc>{site_address(self.server, path)}</loc><lastmod>{changed}</lastmod></url>"
            for path, (_, changed) in self.pages.items()
        )
        space = "http://www.sitemaps.org/schemas/sitemap/0.9"
        head = '<?xml version="1.0" encoding="UTF-8"?>'
        return f'{head}<urlset xmlns="{space}">{urls}{self.more_urls}</urlset>'.encode()

    def connect(self, address: str = "", roots: tuple[str, ...] = ()) -> WebsiteConnector:
        client = make_paced_client(self.server, self.waits)
        return WebsiteConnector(
            client, address or site_address(self.server), roots, now=lambda: NOW
        )


@pytest.fixture
def website():
    site = Website()
    with SmallServer(site.answer) as site.server:
        yield site


def pages_asked(website: Website) -> list[str]:
    targets = website.server.targets
    website.server.requests.clear()
    return [one for one in targets if one not in {"/robots.txt", "/sitemap.xml"}]


def test_the_pages_of_the_sitemap_are_fetched_once(tmp_path, website):
    report = update_source(tmp_path, website.connect)
    assert (report.listed, report.fetched, report.removed) == (2, 2, 0)
    assert pages_asked(website) == ["/help/returns", "/help/"]
    stored = read_source(tmp_path)
    assert stored.keys() == {"help/returns", "help/index"}
    assert stored["help/returns"].address == site_address(website.server, "/help/returns")
    assert stored["help/returns"].groups == frozenset()
    again = update_source(tmp_path, website.connect)
    assert (again.fetched, again.unchanged) == (0, 2)
    assert pages_asked(website) == []


def test_what_changed_is_fetched_and_what_is_gone_is_removed(tmp_path, website):
    update_source(tmp_path, website.connect)
    website.pages["/help/returns"] = (b"<title>Returns</title><p>14 days.</p>", "2026-06-01")
    del website.pages["/help/"]
    website.pages["/new"] = (b"<p>New.</p>", OLD)
    pages_asked(website)
    report = update_source(tmp_path, website.connect)
    assert (report.fetched, report.removed) == (2, 1)
    stored = read_source(tmp_path)
    assert stored.keys() == {"help/returns", "new"}
    assert b"14 days" in stored["help/returns"].file.read_bytes()
    assert len(list(stored["new"].file.parent.iterdir())) == 2  # no bytes are left behind


def test_a_page_whose_date_is_missing_or_of_these_days_is_asked_for_by_its_etag(tmp_path, website):
    website.pages = {"/a": (b"<p>One.</p>", ""), "/b": (b"<p>Two.</p>", "2027-01-15")}
    update_source(tmp_path, website.connect)
    pages_asked(website)
    website.pages["/b"] = (b"<p>Changed on the same day.</p>", "2027-01-15")
    report = update_source(tmp_path, website.connect)
    assert pages_asked(website) == ["/a", "/b"]
    assert (report.fetched, report.unchanged) == (1, 1)
    assert b"Changed" in read_source(tmp_path)["b"].file.read_bytes()


def test_the_page_as_it_is_kept_is_parsed_with_its_encoding_and_its_links(tmp_path, website):
    body = '<html lang="de"><head><title>Größe</title></head><body><p>Für alle.</p>'
    body += '<p>See <a href="../x?a=1&amp;b=2">the rules</a>.</p></body></html>'
    website.pages = {"/a/b": (body.encode("latin-1"), OLD)}
    headers = {"content-type": "text/html; charset=ISO-8859-1"}
    website.further["/a/b"] = SmallReply(body=body.encode("latin-1"), headers=headers)
    update_source(tmp_path, website.connect)
    kept = read_source(tmp_path)["a/b"].file
    document = parse_document(kept.read_bytes(), "wiki/a/b.html")
    assert (document.title, document.text.split("\n")[0]) == ("Größe", "Für alle.")
    assert [link.href for link in document.links] == [site_address(website.server, "/x?a=1&b=2")]


def test_robots_and_roots_decide_what_is_read_and_the_delay_is_kept(tmp_path, website):
    website.robots = (
        "User-agent: other\nDisallow: /\n\nUser-agent: ragdesk\nCrawl-delay: 7\n"
        "Disallow: /*plan$\n\nUser-agent: *\nDisallow: /"
    )
    website.pages["/helpless"] = (b"<p>No.</p>", OLD)
    report = update_source(tmp_path, lambda: website.connect(roots=("/help/", "/private")))
    assert report.listed == 2
    assert read_source(tmp_path).keys() == {"help/returns", "help/index"}
    assert max(website.waits) > 6


@pytest.mark.parametrize("status", [401, 500, 503])
def test_a_robots_file_that_cannot_be_read_lets_nothing_be_read(tmp_path, website, status):
    website.further["/robots.txt"] = SmallReply(status=status)
    with pytest.raises(SourceUnreadable):
        update_source(tmp_path, website.connect)
    assert pages_asked(website) == []


def test_a_robots_file_without_end_is_read_to_a_bound(tmp_path, website):
    rules = "User-agent: *\n" + "Disallow: /x/*/*/y\n" * 500_000 + "Disallow: /\n"
    website.robots = rules
    assert update_source(tmp_path, website.connect).listed == 3
    website.further["/robots.txt"] = SmallReply(body=iter([b"#" * 65_536] * 1_000))
    with pytest.raises(SourceUnreadable, match="robots"):
        update_source(tmp_path, website.connect)


def test_what_the_sitemap_says_of_other_hosts_is_not_asked(tmp_path, website):
    places = (
        "http://evil.example/a",
        f"http://127.0.0.1:{website.server.port}/a",
        "http://169.254.169.254/latest/meta-data/",
        "file:///etc/passwd",
        f"https://{HOST}:{website.server.port}/a",
    )
    website.more_urls = "".join(f"<url><loc>{place}</loc></url>" for place in places)
    assert update_source(tmp_path, website.connect).listed == 2


def test_a_redirect_out_of_the_list_or_to_what_robots_forbids_skips_the_page(tmp_path, website):
    website.pages["/out"] = website.pages["/hidden"] = (b"", OLD)
    website.further["/out"] = SmallReply(status=302, headers={"location": "http://127.0.0.1:1/"})
    website.further["/hidden"] = SmallReply(status=302, headers={"location": "/private/plan"})
    report = update_source(tmp_path, website.connect)
    assert {failure.uri for failure in report.failures} == {"wiki/out", "wiki/hidden"}
    assert report.fetched == 2


def test_a_redirect_out_of_the_roots_skips_the_page(tmp_path, website):
    website.pages["/staff/rota"] = (b"<p>Rota of the staff.</p>", OLD)
    website.pages["/help/moved"] = (b"", OLD)
    website.further["/help/moved"] = SmallReply(status=302, headers={"location": "/staff/rota"})
    report = update_source(tmp_path, lambda: website.connect(roots=("/help/",)))
    assert [failure.uri for failure in report.failures] == ["wiki/help/moved"]
    assert not [p for p in read_source(tmp_path).values() if b"Rota" in p.file.read_bytes()]


def test_a_page_that_fails_keeps_its_former_version(tmp_path, website):
    update_source(tmp_path, website.connect)
    website.pages["/help/returns"] = (b"", "2026-07-01")
    website.further["/help/returns"] = SmallReply(status=403)
    website.pages["/video"] = (b"", OLD)
    website.further["/video"] = SmallReply(body=b"x", headers={"content-type": "video/mp4"})
    report = update_source(tmp_path, website.connect)
    assert [one.uri for one in report.stale] == ["wiki/help/returns"]
    assert ["video/mp4" in one.reason for one in report.failures] == [True]
    assert b"30 days" in read_source(tmp_path)["help/returns"].file.read_bytes()


def shut_replies() -> dict[str, SmallReply]:
    elsewhere = {"location": "https://login.example.test/"}
    return {
        "401": SmallReply(status=401),
        "403": SmallReply(status=403),
        "elsewhere": SmallReply(status=302, headers=elsewhere),
        "forbidden": SmallReply(status=302, headers={"location": "/private/login"}),
    }


@pytest.mark.parametrize("shut", shut_replies())
def test_a_page_that_is_shut_is_for_administrators_until_it_is_read_again(tmp_path, website, shut):
    changed = "2026-07-01"
    website.pages["/help/returns"] = (website.pages["/help/returns"][0], "")  # asked for each time
    update_source(tmp_path, website.connect)
    website.further["/private/login"] = SmallReply(body=b"<p>Sign in.</p>")
    website.further["/help/returns"] = shut_replies()[shut]
    for _ in range(2):
        report = update_source(tmp_path, website.connect)
        assert [one.uri for one in report.stale] == ["wiki/help/returns"]
        assert "only administrators" in report.stale[0].reason
        assert read_groups(tmp_path) == {"help/returns": NOBODY_GROUPS, "help/index": frozenset()}
    website.pages["/help/returns"] = (b"<p>Open again.</p>", changed)
    website.further["/help/returns"] = SmallReply(status=500)  # down says nothing of who may read
    update_source(tmp_path, website.connect)
    assert read_groups(tmp_path)["help/returns"] == NOBODY_GROUPS
    del website.further["/help/returns"]
    update_source(tmp_path, website.connect)
    assert read_groups(tmp_path) == {"help/returns": frozenset(), "help/index": frozenset()}
    assert b"Open again" in read_source(tmp_path)["help/returns"].file.read_bytes()


def read_groups(folder: Path) -> dict[str, frozenset[str]]:
    return {path: page.groups for path, page in read_source(folder).items()}


def test_a_page_that_always_fails_keeps_no_other_from_coming(tmp_path, website):
    update_source(tmp_path, website.connect)
    website.pages["/broken"] = (b"", OLD)
    website.further["/broken"] = SmallReply(status=500)
    website.pages["/new"] = (b"<p>New.</p>", OLD)
    report = update_source(tmp_path, website.connect)
    assert [failure.uri for failure in report.failures] == ["wiki/broken"]
    assert "new" in read_source(tmp_path)
    assert len([wait for wait in website.waits if wait >= 1]) == 4  # and each time asked later


def test_a_website_that_gives_no_page_any_more_is_left(tmp_path, website):
    website.pages = {f"/p{n}": (b"", OLD) for n in range(50)}
    website.further = {path: SmallReply(status=500) for path in website.pages}
    with pytest.raises(SourceUnreadable, match="gives no page any more"):
        update_source(tmp_path, website.connect)
    assert len({target for target in website.server.targets if "/p" in target}) == 20


def test_a_page_without_end_is_skipped(tmp_path, website):
    website.pages["/endless"] = (b"", OLD)
    endless = (b"a" * 65_536 for _ in range(2_000))
    website.further["/endless"] = SmallReply(body=endless, headers={"content-type": "text/html"})
    report = update_source(tmp_path, website.connect)
    assert (report.fetched, len(report.failures)) == (2, 1)


def test_a_sitemap_that_fails_amid_the_listing_removes_nothing(tmp_path, website):
    update_source(tmp_path, website.connect)
    index = "".join(
        f"<sitemap><loc>{site_address(website.server, path)}</loc></sitemap>"
        for path in ("/sitemap.xml", "/second.xml")
    )
    website.further["/index.xml"] = SmallReply(
        body=f"<sitemapindex>{index}</sitemapindex>".encode()
    )
    website.further["/second.xml"] = SmallReply(status=502)
    website.pages = {}
    address = site_address(website.server, "/index.xml")
    with pytest.raises(SourceUnreadable, match="502"):
        update_source(tmp_path, lambda: website.connect(address))
    assert len(read_source(tmp_path)) == 2


def test_an_index_that_leads_to_itself_ends_and_packed_sitemaps_are_unpacked(tmp_path, website):
    names = ("/index.xml", "/other.xml", "/sitemap.xml.gz", "http://evil.example/sitemap.xml")
    index = "".join(
        f"<sitemap><loc>{name if '://' in name else site_address(website.server, name)}</loc></sitemap>"
        for name in names[:3]
    )
    body = f"<sitemapindex>{index}</sitemapindex>".encode()
    website.further["/index.xml"] = website.further["/other.xml"] = SmallReply(body=body)
    website.further["/sitemap.xml.gz"] = SmallReply(body=gzip.compress(website.sitemap()))
    address = site_address(website.server, "/index.xml")
    assert update_source(tmp_path, lambda: website.connect(address)).listed == 2


@pytest.mark.parametrize(
    "body",
    [
        b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><urlset><url><loc>&b;</loc></url></urlset>',
        b"<urlset>" + b"<url><loc>http://x.example/a</loc></url>" * 50_001 + b"</urlset>",
        gzip.compress(b"<urlset>" + b" " * 30_000_000 + b"</urlset>"),
        b"<html><body>Not found, but 200.</body></html>",
        b"<urlset><url>",
        b"\x00\x01\x02",
        b"no address\n",
    ],
)
def test_a_sitemap_that_is_none_or_a_bomb_ends_the_look(tmp_path, website, body):
    website.further["/sitemap.xml"] = SmallReply(body=body)
    with pytest.raises(SourceUnreadable, match="sitemap"):
        update_source(tmp_path, website.connect)


def test_a_sitemap_of_plain_text_and_the_one_that_robots_names_are_read(tmp_path, website):
    website.robots = f"Sitemap: {site_address(website.server, '/map.txt')}\n"
    website.further["/map.txt"] = SmallReply(body=site_address(website.server, "/help/").encode())
    assert update_source(tmp_path, website.connect).listed == 1


def test_a_website_that_lists_nothing_is_an_error_and_changes_nothing(tmp_path, website):
    update_source(tmp_path, website.connect)
    website.pages = {}
    with pytest.raises(SourceUnreadable, match=r"--remove source:wiki"):
        update_source(tmp_path, website.connect)
    assert len(read_source(tmp_path)) == 2


def test_pages_are_for_those_whom_the_settings_name(tmp_path, website):
    update_source(tmp_path, website.connect, {"public": ["staff"]})
    assert {page.groups for page in read_source(tmp_path).values()} == {frozenset({"staff"})}
    update_source(tmp_path, website.connect, {})
    assert {page.groups for page in read_source(tmp_path).values()} == {NOBODY_GROUPS}


def test_a_busy_website_is_left_alone_for_as_long_as_it_asks(tmp_path, website):
    replies = iter([SmallReply(status=429, headers={"retry-after": "13"})])
    plain = website.answer
    website.server.answer = lambda request: (
        next(replies, None) or plain(request) if request.path == "/help/" else plain(request)
    )
    assert update_source(tmp_path, website.connect).fetched == 2
    assert 13 in website.waits
    website.pages["/help/"] = (b"<p>x</p>", "2026-08-01")
    busy = SmallReply(status=429, headers={"retry-after": "4000"})
    website.server.answer = lambda request: busy if request.path == "/help/" else plain(request)
    with pytest.raises(SourceUnreadable, match="4,000 seconds"):
        update_source(tmp_path, website.connect)


def test_a_look_that_was_cut_off_goes_on_where_it_was(tmp_path: Path, website):
    website.pages = {f"/p{n}": (b"<p>Page %d.</p>" % n, OLD) for n in range(10)}
    plain, count = website.answer, iter(range(100))

    def break_off(request: SmallRequest) -> SmallReply:
        busy = SmallReply(status=429, headers={"retry-after": "4000"})
        return plain(request) if next(count) < 7 else busy

    website.server.answer = break_off
    with pytest.raises(SourceUnreadable, match="go on then: ragdesk ingest --source wiki"):
        update_source(tmp_path, website.connect)
    assert len(read_source(tmp_path)) == 5
    website.server.answer = plain
    assert update_source(tmp_path, website.connect).fetched == 5
