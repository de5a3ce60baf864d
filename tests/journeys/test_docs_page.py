"""The page of the API's description, in Chromium: under the policy of all pages, and small."""

import importlib.resources

import pytest
from chromium import CHROMIUM
from engines import running
from fakes import HashEmbedder
from playwright.sync_api import expect, sync_playwright
from web_home import TEXTS, publish

from ragdesk.assemble import Workspace
from ragdesk.settings import Settings
from ragdesk.support.key_store import KeyStore
from ragdesk.web import api

pytestmark = pytest.mark.real
HEAVIEST_PAGE = 60 << 10  # bytes of all files that it loads, without the description itself


def test_a_route_is_read_on_the_page_of_the_description(tmp_path):
    publish(tmp_path / "home", "default", TEXTS)
    keys = KeyStore(tmp_path / "home")
    keys.create("closes the desk")
    app = api.build_app(Workspace(tmp_path / "home", Settings(), HashEmbedder()), keys)
    loaded, words = {}, []
    with running(app) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM)
        page = browser.new_page()
        page.on("response", lambda reply: loaded.update({reply.url: len(reply.body())}))
        page.on("console", lambda message: words.append(message.text))
        desk = address.removesuffix("/v1")
        page.goto(f"{desk}/docs")
        page.get_by_label("Filter").fill("post answers")
        page.get_by_role("link", name="POST /v1/answers").click()

        expect(page.get_by_role("heading", level=1)).to_have_text("POST /v1/answers")
        expect(page.locator("#command")).to_contain_text("How long do refunds take?")
        expect(page.get_by_role("cell", name="verdict", exact=True)).to_be_visible()
        page.locator("summary", has_text="429").click()
        expect(page.get_by_role("cell", name="Retry-After", exact=True)).to_be_visible()
        axe = importlib.resources.files("axe_playwright_python").joinpath("axe.min.js").read_text()
        other = browser.new_context(bypass_csp=True).new_page()
        other.goto(page.url)
        expect(other.locator("#command")).to_be_visible()
        other.evaluate(axe)
        found = other.evaluate("axe.run()")["violations"]
        browser.close()
    keys.close()
    assert words == []  # of the policy, too
    assert [one["id"] for one in found] == []
    assert all(url.startswith(f"{desk}/") for url in loaded)
    pages = [size for url, size in loaded.items() if not url.endswith("openapi.json")]
    assert len(pages) >= 5
    assert sum(pages) < HEAVIEST_PAGE
