"""A web page as a source in Chromium: taken in as it is, cited, and opened with the quote marked."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from inbox_windows import check_with_axe, window
from playwright.sync_api import Browser, Page, expect
from server_process import served
from web_home import publish

pytestmark = pytest.mark.real

# Emoji before it (offsets count characters, scripts UTF-16 units), entities, tags within the
# sentence, a script, and as much text before and after as leaves the quote out of the first view.
FILLER = "".join(f"<p>Paragraph {n} 🙂 is about teapots &amp; their lids.</p>\n" for n in range(60))
HTML = f"""<!doctype html><html lang="en"><head><title>Shipping &amp; returns 🙂</title>
<style>p {{ color: red }}</style></head><body>
<nav><a href="/">Home</a> <a href="/teapots">Teapots</a></nav>
<main><h1>Shipping &amp; returns 🙂</h1>
{FILLER}<h2>Parcels to Norway</h2>
<p>A parcel to <b>Norway</b> travels for <em>nine&nbsp;working</em> days &lt;by ferry&gt;.</p>
<script>window.stolen = true</script>
<table><tr><th>Place</th><th>Euros</th></tr><tr><td>Oslo</td><td>12</td></tr></table>
{FILLER}</main></body></html>"""
QUESTION = "How many working days does a parcel to Norway travel?"
CHINESE_HTML = f"""<html lang="zh"><head><title>配送与退货</title></head><body><h1>配送与退货</h1>
{"".join(f"<p>第{n}段介绍茶壶的壶盖🙂。</p>" for n in range(60))}
<h2>寄往挪威</h2><p>寄往<b>挪威</b>的包裹需要<em>九个</em>工作日。</p></body></html>"""
CHINESE_QUESTION = "寄往挪威的包裹需要几个工作日？"
LOOKS: dict[str, dict[str, Any]] = {
    "light": {},
    "phone-dark": {"width": 390, "dark": True},
    "Chinese": {"locale": "zh-CN"},
    "Chinese-phone-dark": {"locale": "zh-CN", "width": 390, "dark": True},
}


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    home = tmp_path_factory.mktemp("html")
    publish(home, "default", {"tea.md": "Tea is served at four o'clock.\n"})
    with served(home) as (port, _):
        yield port


def take_in(page: Page, uri: str, content: str) -> None:
    """Put a page over HTTP, and wait until it answers."""
    origin = page.url.partition("/#")[0].rstrip("/")
    put = page.request.put(
        f"{origin}/v1/collections/default/documents/{uri}",
        data=content.encode(),
        headers={"Content-Type": "text/html"},
    )
    assert put.status == 202, put.text()
    for _ in range(400):
        job = page.request.get(f"{origin}/v1/jobs/{put.json()['id']}").json()
        if job["state"] in {"done", "failed"}:
            break
        page.wait_for_timeout(50)
    assert job["state"] == "done", job


@pytest.mark.parametrize("name", LOOKS)
def test_a_web_page_opens_at_its_citation_with_the_quote_marked(
    browser: Browser, port: int, tmp_path: Path, name: str
) -> None:
    look = LOOKS[name]
    is_chinese = "locale" in look
    uri, content, question = (
        ("zh/配送.html", CHINESE_HTML, CHINESE_QUESTION)
        if is_chinese
        else ("shop/shipping.html", HTML, QUESTION)
    )
    with window(browser, port, "/", **look) as page:
        take_in(page, uri, content)
        page.locator("#question").fill(question)
        page.keyboard.press("Enter")
        expect(page.locator(".reply:not([aria-busy])")).to_be_visible()
        page.locator(".reply .mark").first.click()

        marked = page.locator("mark.main")
        expect(marked).to_be_in_viewport()
        origin, _, talk = page.url.partition("/#c=")
        (turn,) = page.request.get(f"{origin}/v1/conversations/{talk}/turns").json()["turns"]
        (citation,) = turn["answer"]["citations"]
        text = page.request.get(f"{origin}/v1/collections/default/documents/{uri}/text").text()
        quote = citation["quote"]
        assert text[citation["start"] : citation["end"]] == quote
        assert "".join(marked.all_text_contents()) == quote
        assert ("九个工作日" if is_chinese else "nine") in quote
        assert citation["uri"] == uri
        expect(page.locator("#side .paper")).to_contain_text(
            "寄往挪威" if is_chinese else "Parcels to Norway"
        )
        words = page.locator("#side .paper").inner_text()
        assert not [mark for mark in ("<b>", "&amp;", "stolen", "color: red") if mark in words]
        assert page.evaluate("window.stolen") is None
        page.wait_for_timeout(250)
        page.screenshot(path=tmp_path / f"html-{name}.png")
        check_with_axe(page)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
