"""The widget on a page of another origin, as a visitor meets it, in Chromium."""

# ruff: noqa: S106, names of settings
import contextlib
import importlib.resources
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from chromium import CHROMIUM
from engines import running
from fakes import HashEmbedder
from playwright.sync_api import (
    Browser,
    BrowserContext,
    Frame,
    FrameLocator,
    Page,
    Playwright,
    expect,
)
from web_home import publish
from website import Website, run_website

from ragdesk.assemble import Workspace
from ragdesk.settings import Settings
from ragdesk.support.key_store import KeyStore
from ragdesk.support.sign_in.publishable_keys import PublishableKey, PublishableKeyStore
from ragdesk.support.sign_in.sign_in_options import SignInOptions
from ragdesk.support.sign_in.sign_in_tables import VISITORS
from ragdesk.web import api
from ragdesk.web.page_options import PageOptions

pytestmark = pytest.mark.real

QUESTION = "When does a refund reach a bank account?"
TEXTS = {
    "refunds.md": "# Refunds\nA refund reaches a bank account within 5 working days.\nGift cards are not refunded.\n",
    "退款.md": "退款说明\n退款会在三个工作日内到账。\n",
}
SHARED = "k" * 64
TOKENS = SignInOptions(token_algorithm="HS256", token_key=SHARED, token_audience="desk")
LOOK = PageOptions(
    name="Fjord Help",
    suggestions=(QUESTION, "Are gift cards refunded?", "退款会在几个工作日内到账？"),
)
SHOP_CSS = "body { font: 16px/1.5 serif; margin: 2rem; transform: none; } button { display: none !important; } div, p, iframe { border: 9px solid red; } :not(:defined) { visibility: hidden; }"
HEAVIEST_PAGE = 150 << 10  # bytes of all files that the frame loads


@dataclass(frozen=True)
class Shop:
    """A desk, a website on another origin that shows its widget, and who may do what."""

    desk: str
    site: Website
    key: PublishableKey
    agent: str
    keys: KeyStore

    def forget_visitors(self) -> None:
        """Forget every visitor, as after a long time."""
        with self.keys.database.write() as connection:
            connection.execute(VISITORS.delete())

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.site.port}"

    def tag(self, **data: str) -> str:
        more = "".join(f' data-{name.replace("_", "-")}="{value}"' for name, value in data.items())
        return (
            f'<script src="{self.desk}/widget.js" data-key="{self.key.token}"{more} async></script>'
        )

    def policy(self) -> str:
        """The strictest policy under which the guide says that the widget works."""
        return (
            f"default-src 'none'; script-src 'self' {self.desk}; frame-src {self.desk}; style-src 'self'; "
            "connect-src 'self'; base-uri 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
        )

    def reply(self, words: str) -> None:
        """Take the hand-off that waits, as an agent, and reply."""
        headers = {"Authorization": f"Bearer {self.agent}"}
        with httpx.Client(base_url=self.desk, headers=headers) as agent:
            (case,) = agent.get("/v1/handoffs", params={"state": "open", "view": "queue"}).json()[
                "handoffs"
            ]
            if case["state"] == "waiting":
                agent.post(f"/v1/handoffs/{case['id']}/take", json={}).raise_for_status()
            agent.post(f"/v1/handoffs/{case['id']}/reply", json={"text": words}).raise_for_status()


@pytest.fixture
def profile(play: Playwright, tmp_path: Path) -> Iterator[BrowserContext]:
    """Open a browser with a profile, as people have: the windows of ``browser`` are private ones.

    In those, Chromium denies storage to a frame of another website.
    """
    context = play.chromium.launch_persistent_context(
        tmp_path / "profile",
        executable_path=CHROMIUM,
        # Playwright's own flags switch off what keeps a frame's storage for each website apart.
        args=["--no-sandbox", "--headless=new", "--remote-debugging-pipe", "--no-first-run"],
        ignore_default_args=True,
        viewport={"width": 1100, "height": 800},
        locale="en-US",
    )
    yield context
    context.close()


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    home: Path = tmp_path_factory.mktemp("widget")
    publish(home, "default", TEXTS)
    with contextlib.closing(KeyStore(home)) as keys, run_website() as site:
        origin = f"http://127.0.0.1:{site.port}"
        key = PublishableKeyStore(keys).create("shop", origins=[origin], collections=["default"])
        agent = keys.create("Anna", scopes=("ask", "agent"))[1]
        settings = replace(Settings(), sign_in=TOKENS, page=LOOK)
        with running(api.build_app(Workspace(home, settings, HashEmbedder()), keys)) as address:
            desk = address.removesuffix("/v1").replace("127.0.0.1", "localhost")
            made = Shop(desk, site, key, agent, keys)
            site.add_file("/shop.css", "text/css", SHOP_CSS)
            policy = made.policy()
            site.add_page("/", scripts=made.tag(), Content_Security_Policy=policy)
            isolated = {
                "Cross_Origin_Embedder_Policy": "require-corp",
                "Cross_Origin_Opener_Policy": "same-origin",
            }
            site.add_page("/other", scripts=made.tag(), Content_Security_Policy=policy, **isolated)
            site.add_page(
                "/zh",
                scripts=made.tag(accent="#8a1c3c", accent_dark="#f39ab4"),
                lang="zh-CN",
                Content_Security_Policy=policy,
            )
            yield made


@contextlib.contextmanager
def window(
    browser: Browser, address: str, *, allowed: tuple[str, ...] = (), **options: Any
) -> Iterator[Page]:
    """Open a page in a private window, and hold it to no error but those that are allowed."""
    chosen = {"viewport": {"width": 1100, "height": 800}, "locale": "en-US", **options}
    context = browser.new_context(**chosen)
    try:
        with faultless(context.new_page(), allowed) as page:
            page.goto(address)
            yield page
    finally:
        context.close()


@contextlib.contextmanager
def faultless(page: Page, allowed: tuple[str, ...] = ()) -> Iterator[Page]:
    """Hold a page and its frames to no error but those that are allowed."""
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda line: wrong.append(line.text) if line.type == "error" else None)
    yield page
    assert [line for line in wrong if not any(word in line for word in allowed)] == []


def wait_until(page: Page, holds: Callable[[], bool]) -> None:
    """Wait for what the page's own content policy lets nobody wait for inside it."""
    for _ in range(400):
        if holds():
            return
        page.wait_for_timeout(25)
    raise AssertionError


def open_chat(page: Page) -> FrameLocator:
    page.locator("ragdesk-widget .launch").click()
    frame = page.frame_locator("ragdesk-widget iframe")
    expect(page.locator("ragdesk-widget .wait")).to_be_hidden()
    expect(frame.locator("#question")).to_be_visible()
    return frame


def ask(frame: FrameLocator, question: str) -> None:
    frame.locator("#question").fill(question)
    frame.locator("#question").press("Enter")
    expect(frame.locator(".turn:last-child .reply:not([aria-busy])")).to_be_visible()


def check_with_axe(page: Page, *, frame: bool = True) -> None:
    """Have axe look at the page, and at the chat in its frame: nothing above minor."""
    axe = importlib.resources.files("axe_playwright_python").joinpath("axe.min.js").read_text()
    parts = [(page.main_frame, "ragdesk-widget")]
    if frame:
        parts.append((find_frame(page), "html"))
    for part, root in parts:
        part.evaluate(f"() => {{ {axe} }}")
        options = {"iframes": False}
        issues = part.evaluate(
            "([root, options]) => axe.run(root, options).then((result) => result.violations)",
            [root, options],
        )
        grave = [(one["id"], one["nodes"][0]["html"]) for one in issues if one["impact"] != "minor"]
        assert grave == []


def find_frame(page: Page) -> Frame:
    (frame,) = [one for one in page.frames if "/widget?" in one.url]
    return frame


def sign(sub: str, seconds: int = 600) -> str:
    now = int(time.time())
    return jwt.encode(
        {"aud": "desk", "sub": sub, "iat": now, "exp": now + seconds}, SHARED, algorithm="HS256"
    )


def test_a_visitor_asks_and_reads_the_source_on_a_page_with_a_strict_policy(
    browser, shop, tmp_path
):
    with window(browser, shop.origin + "/") as page:
        before = page.evaluate("Object.keys(window)")
        launch = page.locator("ragdesk-widget .launch")
        expect(launch).to_be_visible()
        assert page.evaluate("Object.keys(window)") == before
        assert [
            one for one in page.frames if one != page.main_frame
        ] == []  # nothing is loaded unasked
        assert launch.get_attribute("aria-expanded") == "false"
        frame = open_chat(page)
        expect(frame.locator("#question")).to_be_focused()
        expect(page.get_by_role("dialog", name="Fjord Help")).to_be_visible()
        expect(frame.locator("#suggested button")).to_have_count(3)
        page.screenshot(path=tmp_path / "desktop.png")
        check_with_axe(page)
        ask(frame, QUESTION)
        expect(frame.locator(".reply .words")).to_contain_text("5 working days")
        frame.locator(".reply .mark").first.click()
        expect(frame.locator("mark.main")).to_contain_text("5 working days")
        expect(frame.locator("mark.main")).to_be_in_viewport()
        page.screenshot(path=tmp_path / "source.png")
        check_with_axe(page)
        page.keyboard.press("Escape")
        expect(frame.locator("#side")).to_be_hidden()
        expect(frame.locator(".reply .mark").first).to_be_focused()
        page.screenshot(path=tmp_path / "answer.png")
        check_with_axe(page)
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)
        expect(launch).to_be_focused()
        page.keyboard.press("Enter")
        expect(frame.locator("#question")).to_be_focused()
        assert page.context.cookies() == []


def test_a_reload_keeps_the_conversation(profile, shop):
    with faultless(profile.new_page()) as page:
        page.goto(shop.origin + "/")
        ask(open_chat(page), QUESTION)
        page.reload()
        frame = open_chat(page)
        expect(frame.locator(".turn .words")).to_contain_text("5 working days")
        frame.locator("#fresh").click()
        expect(frame.locator(".turn")).to_have_count(0)
        ask(frame, "Are gift cards refunded?")
        expect(frame.locator(".turn .words")).to_contain_text("Gift cards")
        page.goto(shop.origin + "/other")
        expect(open_chat(page).locator(".turn")).to_have_count(1)
        kept = find_frame(page).evaluate("Object.keys(localStorage)")
        token = shop.key.token
        assert set(kept) == {f"ragdesk.visitor.{token}", f"ragdesk.read.{token}"}
        assert profile.cookies() == []


def test_where_storage_is_denied_the_chat_lasts_as_long_as_the_page(browser, shop):
    with window(browser, shop.origin + "/") as page:
        frame = open_chat(page)
        denied = (
            "() => { try { localStorage; return 'given'; } catch (error) { return error.name; } }"
        )
        assert find_frame(page).evaluate(denied) == "SecurityError"  # a private window
        ask(frame, QUESTION)
        ask(frame, "Are gift cards refunded?")
        expect(frame.locator(".turn")).to_have_count(2)
        expect(frame.locator(".turn").last).to_contain_text("Gift cards")


def test_a_visitor_who_was_forgotten_and_a_desk_that_was_away_lose_no_question(browser, shop):
    with window(browser, shop.origin + "/", allowed=("401", "404", "ERR_FAILED")) as page:
        frame = open_chat(page)
        ask(frame, QUESTION)
        shop.forget_visitors()
        ask(frame, "Are gift cards refunded?")
        expect(frame.locator(".turn").last).to_contain_text("Gift cards are not refunded")
        page.route("**/v1/answers", lambda route: route.abort())
        frame.locator("#question").fill(QUESTION)
        frame.locator("#question").press("Enter")
        expect(frame.locator(".reply.failed")).to_contain_text("cannot be reached")
        page.unroute("**/v1/answers")
        frame.get_by_role("button", name="Try again").click()
        expect(frame.locator(".turn").last).to_contain_text("5 working days")


def test_a_key_that_is_revoked_while_the_chat_is_open_is_said_as_such(browser, shop):
    store = PublishableKeyStore(shop.keys)
    origin = f"http://127.0.0.1:{shop.site.port}"
    key = store.create("short", origins=[origin], collections=["default"])
    shop.site.add_page("/short", scripts=replace(shop, key=key).tag())
    with window(browser, shop.origin + "/short", allowed=("401",)) as page:
        frame = open_chat(page)
        ask(frame, QUESTION)
        store.revoke(key.id)
        ask(frame, QUESTION)
        expect(frame.locator(".reply.failed")).to_contain_text("not available now")


def test_an_agents_reply_comes_into_the_frame_and_is_counted_while_it_is_shut(
    profile, shop, tmp_path
):
    with faultless(profile.new_page()) as page:
        page.goto(shop.origin + "/")
        frame = open_chat(page)
        ask(frame, QUESTION)
        frame.get_by_role("button", name="Talk to a person").click()
        frame.get_by_label("What is it about").fill("My kettle leaks.")
        page.screenshot(path=tmp_path / "request.png")
        check_with_axe(page)
        frame.get_by_role("button", name="Ask for a person").click()
        expect(frame.locator("#person")).to_contain_text("passed on to a person")
        expect(frame.locator("#fresh")).to_be_hidden()  # this conversation is not left by mistake
        shop.reply("A new one is on its way.")
        expect(frame.locator(".turn.person")).to_contain_text("on its way")
        expect(frame.locator(".turn.person")).to_have_css("text-align", "start")
        expect(frame.locator("#person")).to_contain_text("Anna is helping you")
        ask(frame, "Thank you! And when?")
        page.screenshot(path=tmp_path / "reply.png")
        check_with_axe(page)
        frame.locator("#leave").click()
        launch = page.locator("ragdesk-widget .launch")
        expect(launch).to_be_focused()
        shop.reply("It comes tomorrow.")
        expect(launch).to_have_accessible_name("Open the chat, 1 new reply")
        page.screenshot(path=tmp_path / "badge.png")
        check_with_axe(page, frame=False)

        page.get_by_role(
            "link", name="Other kettles"
        ).click()  # somebody is waited for: the next page listens, too
        page.frame_locator("ragdesk-widget iframe").locator(".turn.person").nth(1).wait_for(
            state="attached"
        )
        expect(launch).to_have_accessible_name("Open the chat, 1 new reply")
        shop.reply("Is that all?")
        expect(launch).to_have_accessible_name("Open the chat, 2 new replies")
        frame = open_chat(page)
        expect(launch).to_have_accessible_name("Close the chat")
        expect(frame.locator(".turn.person")).to_have_count(3)
        frame.get_by_role("button", name="That is all").click()
        expect(frame.get_by_text("How were you helped?")).to_be_visible()
        check_with_axe(page)
        wait_until(page, lambda: page.evaluate("sessionStorage.getItem('ragdesk.live')") is None)


def test_pages_of_another_origin_get_nothing(browser, shop, tmp_path):
    elsewhere = shop.origin.replace("127.0.0.1", "localhost")
    refused = (
        "frame-ancestors",
        "ERR_BLOCKED_BY_RESPONSE",
        "403",
        "CORS",
        "Failed to load",
        "X-Frame-Options",
        "Refused to",
    )
    with window(browser, elsewhere + "/", allowed=refused) as page:
        page.locator("ragdesk-widget .launch").click()
        expect(page.locator("ragdesk-widget .wait")).to_contain_text(
            "cannot be opened now", timeout=15_000
        )
        page.screenshot(path=tmp_path / "refused.png")
        expect(page.locator("ragdesk-widget iframe")).to_have_count(0)
        page.locator("ragdesk-widget .wait button").click()
        expect(page.get_by_role("dialog")).to_have_count(0)
    shop.site.add_page("/ask")  # without a policy of its own that would refuse it, too
    with window(browser, elsewhere + "/ask", allowed=refused) as page:
        asked = """([desk, key]) => fetch(`${desk}/v1/visitors`, { method: "POST", headers: { Authorization: `Bearer ${key}` } })
            .then(() => "read", () => "refused")"""
        assert page.evaluate(asked, [shop.desk, shop.key.token]) == "refused"
        page.goto(shop.origin + "/ask")
        assert page.evaluate(asked, [shop.desk, shop.key.token]) == "read"
        # Framed by a page of the key that is itself framed by another one: the whole line counts.
        shop.site.add_page("/outer", body=f'<iframe id="outer" src="{shop.origin}/"></iframe>')
        page.goto(elsewhere + "/outer")
        page.frame_locator("#outer").locator("ragdesk-widget .launch").click()
        expect(page.frame_locator("#outer").locator("ragdesk-widget .wait")).to_contain_text(
            "cannot be opened", timeout=15_000
        )


def test_the_page_cannot_read_the_frame_and_other_windows_are_not_heard(browser, shop):
    shop.site.add_page("/plain", scripts=shop.tag())
    with window(browser, shop.origin + "/plain") as page:
        frame = open_chat(page)
        expect(frame.locator("#suggested button").first).to_be_visible()
        reads = """() => { const frame = document.querySelector("ragdesk-widget").shadowRoot.querySelector("iframe");
            try { return String(frame.contentWindow.document.title); } catch (error) { return error.name; } }"""
        assert page.evaluate(reads) == "SecurityError"
        inside = find_frame(page)
        # A window of the right origin that is not the page, and the page before or after what it may say.
        inside.evaluate(
            """() => { window.heard = [];
            addEventListener("message", (event) => window.heard.push(event.data?.act)); }"""
        )
        page.evaluate(
            """([desk]) => {
            const frame = document.querySelector("ragdesk-widget").shadowRoot.querySelector("iframe").contentWindow;
            frame.postMessage({ ragdesk: 1, act: "hello", token: "stolen", theme: "dark" }, desk); // a second hello
            frame.postMessage({ ragdesk: 1, act: "constructor" }, desk);
            frame.postMessage("hide", desk);
            frame.postMessage(null, desk);
            window.postMessage({ ragdesk: 1, act: "close" }, "*"); // from the page itself, not from the frame
            window.postMessage({ ragdesk: 1, act: "unread", count: 9 }, "*");
            }""",
            [shop.desk],
        )
        # A frame of the same website beside ours, which speaks to it in its own name.
        shop.site.add_file(
            "/speak.js",
            "text/javascript",
            f"parent.document.querySelector('ragdesk-widget').shadowRoot.querySelector('iframe').contentWindow.postMessage({{ ragdesk: 1, act: 'identify', token: 'stolen' }}, '{shop.desk}'); parent.postMessage({{ ragdesk: 1, act: 'close' }}, '*');",
        )
        shop.site.add_page("/stranger", scripts='<script src="/speak.js"></script>')
        page.evaluate(
            """() => { const other = document.createElement("iframe"); other.src = "/stranger"; document.body.append(other); }"""
        )
        wait_until(page, lambda: len(inside.evaluate("window.heard")) >= 5)
        wait_until(page, lambda: "identify" in inside.evaluate("window.heard"))
        expect(page.get_by_role("dialog")).to_be_visible()
        expect(page.locator("ragdesk-widget .launch")).to_have_accessible_name("Close the chat")
        assert inside.evaluate("document.documentElement.dataset.theme ?? null") is None
        ask(frame, QUESTION)  # still the visitor that it was
        expect(frame.locator(".reply .words")).to_contain_text("5 working days")


def test_a_page_that_took_the_place_of_the_frame_is_not_heard(browser, shop):
    words = "parent.postMessage({ ragdesk: 1, act: 'close' }, '*');"
    shop.site.add_file("/usurp.js", "text/javascript", words)
    shop.site.add_page("/usurper", scripts='<script src="/usurp.js"></script>')
    shop.site.add_page("/plain", scripts=shop.tag())
    with window(browser, shop.origin + "/plain", allowed=("postMessage",)) as page:
        open_chat(page)
        page.evaluate(
            """(address) => {
            window.heard = [];
            addEventListener("message", (event) => window.heard.push(event.data?.act));
            document.querySelector("ragdesk-widget").shadowRoot.querySelector("iframe").src = address; }""",
            shop.origin + "/usurper",
        )
        wait_until(page, lambda: "close" in page.evaluate("window.heard"))
        expect(page.get_by_role("dialog")).to_be_visible()


def test_an_administrator_is_shown_the_tag(browser, shop, tmp_path):
    token = shop.keys.create("boss", scopes=("admin",))[1]
    with window(browser, shop.desk + "/admin#keys", allowed=("401",)) as page:
        page.locator("#key-value").fill(token)
        page.keyboard.press("Enter")
        page.get_by_text("Script tag of the chat").first.click()
        expect(page.get_by_text(shop.tag())).to_be_visible()
        page.screenshot(path=tmp_path / "admin.png", full_page=True)


def test_opened_alone_or_by_a_page_that_says_nothing_the_frame_does_nothing(browser, shop):
    with window(browser, f"{shop.desk}/widget?key={shop.key.token}") as page:
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.evaluate(
            "([origin]) => postMessage({ ragdesk: 1, act: 'hello', token: null }, '*')",
            [shop.origin],
        )
        page.wait_for_timeout(300)
        assert [url for url in asked if "/v1/" in url] == []


def test_a_customer_who_is_signed_in_is_handed_over_and_renewed(profile, shop):
    mia, ben = sign("mia"), sign("ben")
    with faultless(profile.new_page(), ("401",)) as page:
        page.goto(shop.origin + "/")
        frame = open_chat(page)
        ask(frame, QUESTION)
        seen: list[str | None] = []
        page.on(
            "request",
            lambda request: (
                seen.append(request.headers.get("x-visitor"))
                if "/v1/answers" in request.url
                else None
            ),
        )
        page.evaluate("(token) => ragdesk.identify(token)", mia)
        expect(frame.locator(".turn")).to_have_count(0)  # a conversation of somebody else's
        ask(frame, "Are gift cards refunded?")
        page.evaluate("(token) => ragdesk.identify(() => Promise.resolve(token))", sign("mia", 500))
        expect(frame.locator(".turn")).to_have_count(1)  # the same customer, with a newer token
        page.evaluate("(token) => ragdesk.identify(token)", ben)
        expect(frame.locator(".turn")).to_have_count(0)
        page.evaluate("(token) => ragdesk.identify(token)", mia)
        expect(frame.locator(".turn")).to_have_count(1)  # kept by the desk, for who they are
        page.evaluate("() => ragdesk.identify(null)")
        expect(frame.locator(".turn .words")).to_contain_text(
            "5 working days"
        )  # the visitor before
        assert seen == [mia]
        assert all(
            mia not in str(value)
            for value in find_frame(page).evaluate("Object.values(localStorage)")
        )
        # A lapsed token is asked for anew, and the question is not lost.
        page.evaluate(
            """([lapsed, good]) => { let asked = 0; ragdesk.identify(() => { asked += 1; return asked > 1 ? good : lapsed; }); }""",
            [sign("mia", -120), mia],
        )
        expect(frame.locator(".turn .words")).to_contain_text("Gift cards")
        page.evaluate("(token) => ragdesk.identify(token)", sign("eve", -120))
        expect(frame.locator("#trouble")).to_contain_text("lapsed", timeout=15_000)


def test_a_phone_has_it_on_the_whole_screen_in_chinese_and_the_page_behind_is_out_of_reach(
    browser, shop, tmp_path
):
    options = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "locale": "en-US"}
    with window(browser, shop.origin + "/zh", **options) as page:
        expect(page.locator("ragdesk-widget .launch")).to_have_accessible_name("打开在线客服")
        frame = open_chat(page)
        box = page.locator("ragdesk-widget iframe").bounding_box()
        assert box == {"x": 0, "y": 0, "width": 360, "height": 740}
        expect(frame.locator("html")).to_have_attribute("lang", "zh-CN")
        page.screenshot(path=tmp_path / "phone.png")
        ask(frame, "退款会在几个工作日内到账？")
        expect(frame.locator(".reply .words")).to_contain_text("三个工作日")
        page.screenshot(path=tmp_path / "phone-answer.png")
        check_with_axe(page)
        inside = find_frame(page)
        assert inside.evaluate("document.documentElement.scrollWidth <= innerWidth")
        accent = "getComputedStyle(document.getElementById('send')).backgroundColor"
        assert inside.evaluate(accent) == "rgb(138, 28, 60)"
        page.evaluate("document.querySelector('main a').focus()")
        assert page.evaluate("document.activeElement.tagName") != "A"
        frame.get_by_role("button", name="联系人工").click()
        page.screenshot(path=tmp_path / "phone-request.png")
        check_with_axe(page)
        frame.locator("#leave").click()
        expect(page.get_by_role("dialog")).to_have_count(0)
        page.screenshot(path=tmp_path / "phone-shut.png")


def test_it_is_dark_where_the_visitor_likes_it_or_the_page_says_so(browser, shop, tmp_path):
    shop.site.add_page("/light", scripts=shop.tag(theme="light", accent="#ffee00", position="left"))
    paper = "getComputedStyle(document.body).backgroundColor"
    with window(browser, shop.origin + "/", color_scheme="dark") as page:
        frame = open_chat(page)
        ask(frame, QUESTION)
        page.screenshot(path=tmp_path / "dark.png")
        check_with_axe(page)
        assert find_frame(page).evaluate(paper) == "rgb(23, 23, 21)"
        warned: list[str] = []
        page.on("console", lambda line: warned.append(line.text))
        page.goto(shop.origin + "/light")
        open_chat(page)
        assert find_frame(page).evaluate(paper) == "rgb(251, 250, 248)"
        page.wait_for_timeout(200)
        page.screenshot(path=tmp_path / "light-left.png")
        check_with_axe(page)
        assert any("cannot be read" in line for line in warned)
        assert page.locator("ragdesk-widget .launch").bounding_box()["x"] < 60


def test_the_frame_weighs_little(browser, shop):
    sizes: dict[str, int] = {}
    with window(browser, shop.origin + "/") as page:
        page.on(
            "response",
            lambda reply: (
                sizes.update({reply.url: len(reply.body())})
                if shop.desk in reply.url and "/v1/" not in reply.url
                else None
            ),
        )
        page.reload()
        open_chat(page)
        page.wait_for_load_state("networkidle")
    assert len(sizes) > 10
    assert sum(sizes.values()) <= HEAVIEST_PAGE, sizes
