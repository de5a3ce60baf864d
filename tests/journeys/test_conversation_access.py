"""Conversations on the chat page as everybody can use them: axe on the list, a shared one, a form."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from inbox_windows import check_with_axe, window
from playwright.sync_api import Browser, Page, expect
from server_process import served
from web_home import REFUNDS, publish

from ragdesk.support.key_store import KeyStore

pytestmark = pytest.mark.real

QUESTIONS = {
    "en-US": "When does a refund reach my bank account?",
    "zh-CN": "退款会在几个工作日内到账？",
}
LOOKS: dict[str, dict[str, Any]] = {
    "light": {},
    "dark": {"dark": True},
    "phone": {"width": 360},
    "Chinese": {"locale": "zh-CN"},
    "Chinese-phone-dark": {"locale": "zh-CN", "width": 360, "dark": True},
}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("access")
    publish(home, "default", {"refunds.md": REFUNDS, "退款.md": "退款会在三个工作日内到账。\n"})
    return home


@pytest.fixture(scope="module")
def tokens(home: Path) -> dict[str, str]:
    with contextlib.closing(KeyStore(home)) as keys:
        return {name: keys.create(name, scopes=["ask", "agent"])[1] for name in ("ann", "ben")}


@pytest.fixture(scope="module")
def port(home: Path, tokens: dict[str, str]) -> Iterator[int]:
    with served(home) as (port, _):
        yield port


def check_page(page: Page) -> None:
    page.wait_for_timeout(250)  # a panel slides in, half transparent
    check_with_axe(page)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def ask(page: Page, question: str) -> None:
    page.locator("#question").fill(question)
    page.keyboard.press("Enter")
    expect(page.locator(".turn:last-child .reply:not([aria-busy])")).to_be_visible()


@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)
def test_axe_finds_nothing_above_minor_in_what_surrounds_a_conversation(
    browser: Browser, port: int, tokens: dict[str, str], look: dict[str, Any]
) -> None:
    question = QUESTIONS[look.get("locale", "en-US")]
    with window(browser, port, "/", key=tokens["ann"], **look) as ann:
        ask(ann, question)
        if ann.locator("#close").is_visible():
            ann.locator("#close").click()
        ann.locator(".thumbs button").nth(1).click()
        expect(ann.locator(".judgement")).to_be_visible()
        check_page(ann)  # the feedback form

        ann.locator("#past-open").click()
        expect(ann.locator(".past-row").first).to_be_visible()
        check_page(ann)  # the list of conversations
        with ann.expect_response(lambda reply: reply.url.endswith("/share")) as sharing:
            ann.locator(".past-tools button").nth(1).click()
        token = sharing.value.json()["token"]
        expect(ann.locator("#past-said")).not_to_be_empty()
        check_page(ann)
        ann.locator(".past-tools button").first.click()
        expect(ann.locator(".past-rename input")).to_be_focused()
        check_page(ann)  # a title that is being changed

    with window(browser, port, f"/#s={token}", key=tokens["ben"], **look) as ben:
        expect(ben.locator(".turn .asked")).to_have_text(question)
        expect(ben.locator("#composer")).to_be_hidden()
        check_page(ben)  # what a colleague shared
        ben.locator(".reply .mark").first.click()
        expect(ben.locator("mark.main")).to_be_visible()
        check_page(ben)
