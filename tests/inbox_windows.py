"""Windows of a browser on the pages around a hand-off, and axe's eyes on them."""

import contextlib
import importlib.resources
from collections.abc import Iterator, Sequence

from playwright.sync_api import Browser, BrowserContext, Page, expect


@contextlib.contextmanager
def window(  # noqa: PLR0913, as a browser is opened
    browser: Browser,
    port: int,
    path: str,
    *,
    locale: str = "en-US",
    key: str = "",
    width: int = 1280,
    dark: bool = False,
    expected: Sequence[str] = (),
) -> Iterator[Page]:
    """Open a page in a browser of its own, and hold its script to no error.

    expected: statuses that the test provokes, beside those of a key that is asked for and of a
    state that has changed meanwhile: the browser writes of them.
    """
    context: BrowserContext = browser.new_context(
        locale=locale,
        viewport={"width": width, "height": 800},
        color_scheme="dark" if dark else "light",
    )
    page = context.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda line: wrong.append(line.text) if line.type == "error" else None)
    if key:
        page.add_init_script(f"sessionStorage.setItem('ragdesk.key', {key!r})")
    page.goto(f"http://127.0.0.1:{port}{path}")
    yield page
    context.close()
    known = ("401", "409", *expected)
    assert [line for line in wrong if not any(word in line for word in known)] == []


@contextlib.contextmanager
def inbox(browser: Browser, port: int, token: str, **more: object) -> Iterator[Page]:
    """Open the inbox, and sign in."""
    with window(browser, port, "/inbox", **more) as page:  # type: ignore[arg-type]
        page.locator("#key-value").fill(token)
        page.keyboard.press("Enter")
        expect(page.locator("#key")).to_be_hidden()
        yield page


def check_with_axe(page: Page, part: str = "html") -> None:
    """Have axe look at a page as it is now: nothing above minor."""
    axe = importlib.resources.files("axe_playwright_python").joinpath("axe.min.js").read_text()
    page.evaluate(f"() => {{ {axe} }}")
    issues = page.evaluate("(part) => axe.run(part).then((result) => result.violations)", part)
    grave = [(one["id"], one["nodes"][0]["html"]) for one in issues if one["impact"] != "minor"]
    assert grave == []
