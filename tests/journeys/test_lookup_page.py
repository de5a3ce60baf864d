"""A verified customer asks for an order on the page, in Chromium: its card says all, and opens nothing."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import jwt
import pytest
import uvicorn
from chromium import CHROMIUM
from fakes import HashEmbedder
from order_server import order_server
from playwright.sync_api import Page, expect, sync_playwright
from web_home import publish

from ragdesk.assemble import Workspace
from ragdesk.settings import Settings
from ragdesk.support.key_store import KeyStore
from ragdesk.support.sign_in.publishable_keys import PublishableKeyStore
from ragdesk.support.sign_in.sign_in_options import SignInOptions
from ragdesk.web import api

pytestmark = pytest.mark.real

SHARED = "k" * 64
TOKENS = SignInOptions(token_algorithm="HS256", token_key=SHARED, token_audience="desk")  # noqa: S106
POLICY = {"shipping.md": "# Shipping\nEach order leaves our warehouse within 24 hours.\n"}


@contextlib.contextmanager
def run_desk(home: Path, keys: KeyStore, settings: Settings) -> Iterator[str]:
    """Serve a desk in a thread, and give its address."""
    app = api.build_app(Workspace(home, settings, HashEmbedder()), keys)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
        thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
        thread.start()
        until = time.monotonic() + 60
        while not server.started and time.monotonic() < until:
            time.sleep(0.05)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        thread.join(30)


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    home = tmp_path / "home"
    publish(home, "default", POLICY)
    with (
        contextlib.closing(KeyStore(home)) as keys,
        order_server() as (_, lookup),
        run_desk(
            home, keys, replace(Settings(), lookups={"orders": lookup}, sign_in=TOKENS)
        ) as desk,
        sync_playwright() as play,
    ):
        site = PublishableKeyStore(keys).create("shop", origins=[desk], collections=["default"])
        claims = {"aud": "desk", "sub": "mia@shop.example", "exp": int(time.time()) + 600}
        token = jwt.encode(claims, SHARED, "HS256")
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        context = browser.new_context(locale="en-US", viewport={"width": 1280, "height": 800})
        shown = {"Authorization": f"Bearer {site.token}", "X-Visitor": token}
        context.set_extra_http_headers(shown)
        page = context.new_page()
        wrong: list[str] = []
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.goto(f"{desk}/")
        yield page
        browser.close()
        assert wrong == []


def test_an_order_is_a_card_that_opens_nothing_also_when_it_is_read_again(page):
    question = "Where is my order 12345? When does each order leave our warehouse?"
    page.locator("#question").fill(question)
    page.keyboard.press("Enter")
    expect(page.locator(".turn:last-child .reply:not([aria-busy])")).to_be_visible()

    for _ in range(2):  # as it was answered, and as it is kept
        expect(page.locator(".reply .words")).to_contain_text("Order 12345 is on its way")
        page.locator(".reply .mark").first.click()
        fact = page.locator(".card.fact")
        expect(fact).to_contain_text("Order status")
        expect(fact).to_contain_text("Looked up for this question")
        expect(fact.locator("button, a")).to_have_count(0)
        expect(page.locator(".card:not(.fact) button.card-head")).to_have_count(1)
        fact.click()
        expect(page.locator(".cards")).to_be_visible()  # still the list
        page.reload()
