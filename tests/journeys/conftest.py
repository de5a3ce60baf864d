"""The browser of every journey on a page."""

from collections.abc import Iterator

import pytest
from chromium import CHROMIUM
from playwright.sync_api import Browser, Playwright, sync_playwright


@pytest.fixture(scope="module")
def play() -> Iterator[Playwright]:
    with sync_playwright() as play:
        yield play


@pytest.fixture(scope="module")
def browser(play: Playwright) -> Iterator[Browser]:
    browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
    yield browser
    browser.close()
