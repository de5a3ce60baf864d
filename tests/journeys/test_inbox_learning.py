"""What agents teach the desk in the inbox, in Chromium: corrections, and entries out of replies."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from inbox_windows import check_with_axe, inbox, window
from playwright.sync_api import APIRequestContext, Browser, Locator, Page, Playwright, expect
from server_process import served
from web_home import publish

from ragdesk.support.key_store import KeyStore

pytestmark = pytest.mark.real

TEXTS = {
    "refunds.md": "# Refunds\nA refund reaches a bank account within 5 working days.\n",
    "退款.md": "退款说明\n退款会在三个工作日内到账。\n",
}
ASKED = "When does a refund reach a bank account?"
RIGHT = "A refund reaches a bank account within two working days since May."
REPLY = "A refund reaches a bank account within 5 working days. [1] Call me at 212-555-0123."


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("teaching")
    publish(home, "default", TEXTS)
    publish(home, "second", TEXTS)
    return home


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """A desk and a browser to see it by. tokens: of the keys of some people, by their names."""

    browser: Browser
    port: int
    tokens: dict[str, str]

    def window(self, name: str, path: str) -> contextlib.AbstractContextManager[Page]:
        return window(self.browser, self.port, path, key=self.tokens[name])

    def inbox(self, name: str, **look: Any) -> contextlib.AbstractContextManager[Page]:
        return inbox(self.browser, self.port, self.tokens[name], **look)


@pytest.fixture(scope="module")
def desk(home: Path, browser: Browser) -> Iterator[Desk]:
    rights = {"ann": ["ask"], "anna": ["ask", "agent"], "eve": ["ask", "agent", "edit", "write"]}
    with contextlib.closing(KeyStore(home)) as keys:
        tokens = {name: keys.create(name, scopes=scopes)[1] for name, scopes in rights.items()}
    with served(home) as (port, _):
        yield Desk(browser=browser, port=port, tokens=tokens)


@pytest.fixture
def asker(play: Playwright, desk: Desk) -> Iterator[APIRequestContext]:
    """Ask as Ann, over HTTP."""
    headers = {"Authorization": f"Bearer {desk.tokens['ann']}"}
    asker = play.request.new_context(
        base_url=f"http://127.0.0.1:{desk.port}", extra_http_headers=headers
    )
    yield asker
    asker.dispose()


def hand_over(
    asker: APIRequestContext, about: str, *asked: str, collection: str = "default"
) -> str:
    """Ask questions in a conversation that then waits for a person; gives its id."""

    def send(path: str, **body: Any) -> Any:
        response = asker.post(path, data=body)
        assert response.ok, response.text()
        return response.json()

    talk: str = send("/v1/conversations", collection=collection)["id"]
    for question in asked:
        send("/v1/answers", conversation=talk, question=question)
    send("/v1/handoffs", conversation=talk, text=about)
    return talk


def open_case(page: Page, about: str) -> None:
    page.locator(".entry", has_text=about).click()
    expect(page.locator("#case-head h2")).to_contain_text(about)


def open_form(page: Page, name: str) -> Locator:
    page.get_by_role("button", name=name).click()
    form = page.locator(".teaching form")
    expect(form.locator("[name=text]")).to_be_focused()
    return form


def reply(page: Page, text: str) -> None:
    page.get_by_role("button", name="Take", exact=True).click()
    page.get_by_role("button", name="Draft from the documents").click()
    expect(page.locator("#cited .chip")).to_have_count(1)
    page.locator("#question").fill(text)
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.locator(".speech.agent")).to_contain_text(text[:20])


def list_small_targets(page: Page) -> list[str]:
    """List what is pressed or written in and is smaller than 24 pixels."""
    small: list[str] = page.locator("button, textarea, select, .teaching a").evaluate_all(
        """nodes => nodes.filter((node) => node.offsetParent)
          .map((node) => [node.outerHTML.slice(0, 80), node.getBoundingClientRect()])
          .filter(([, box]) => box.width < 24 || box.height < 24).map(([html]) => html)"""
    )
    return small


def test_an_agent_corrects_an_answer_and_an_editor_has_it_answered_so(desk, asker):
    talk = hand_over(asker, "That is not true.", ASKED, collection="second")
    with desk.inbox("anna") as anna:
        open_case(anna, "That is not true.")
        form = open_form(anna, "Say what is right: message 1")
        expect(form.get_by_label("Question")).to_have_value(ASKED)
        form.get_by_label("What is right").fill(RIGHT)
        form.get_by_role("button", name="Send to the editors").click()
        told = anna.locator(".teaching [role=status]")
        expect(told).to_have_text("Sent to the editors: it answers once one of them approved it.")
        expect(told.locator("a")).to_have_count(0)  # nothing that an agent may open
        expect(anna.get_by_role("button", name="Say what is right")).to_be_focused()
        expect(form).to_have_count(0)

    with desk.window("eve", "/admin#gaps") as eve:
        eve.locator("#collection").select_option("second")
        draft = eve.locator(".draft", has_text=ASKED)
        expect(draft).to_contain_text("correction")
        expect(draft.get_by_label("Answer")).to_have_value(RIGHT)
        draft.get_by_role("button", name="Approve").click()
        expect(eve.locator("#heard")).to_contain_text("It answers now", timeout=20_000)

    answer = asker.post("/v1/answers", data={"question": ASKED, "collection": "second"}).json()
    assert answer["text"].startswith(RIGHT)
    assert answer["citations"][0]["question"] == ASKED  # out of the FAQ
    assert answer["citations"][0]["uri"].startswith("faq/")
    kept = asker.get(f"/v1/conversations/{talk}/turns").json()["turns"][0]["answer"]
    assert "within 5 working days" in kept["text"]  # what was said stays


def test_an_entry_of_a_reply_shows_its_sources_and_personal_data_to_its_editor(desk, asker):
    hand_over(asker, "I do wait for it.", ASKED)
    with desk.inbox("eve") as eve:
        open_case(eve, "I do wait for it.")
        reply(eve, REPLY)
        form = open_form(eve, "Make an FAQ entry: message 2")
        expect(form.get_by_label("Question")).to_have_value(ASKED)
        without_mark = REPLY.replace(" [1]", "")
        expect(form.get_by_label("Answer")).to_have_value(without_mark)
        eve.keyboard.press("Control+Enter")
        told = eve.locator(".teaching.of-reply [role=status]")
        expect(told).to_contain_text("It may hold personal data: phone number.")
        eve.evaluate("localStorage.setItem('ragdesk.collection', 'second')")
        told.get_by_role("link", name="Open the drafts").click()
        draft = eve.locator(".draft", has_text=ASKED)
        expect(draft.locator("input").first).to_be_focused()
        expect(eve.locator("#collection")).to_have_value("default")
        expect(draft).to_contain_text("Personal data may stand in it: phone number")
        draft.locator("summary").click()
        expect(draft.locator("blockquote")).to_have_text(
            "A refund reaches a bank account within 5 working days."
        )
        expect(draft).to_contain_text("refunds.md")
        expect(draft).to_contain_text("1 question of customers")
        check_with_axe(eve)
        eve.locator("#language").click()
        expect(eve.locator(".draft", has_text=ASKED)).to_contain_text("个人信息")
        expect(eve.locator("#language")).to_be_focused()  # and no more the draft


def test_what_is_written_stays_until_it_is_sent_and_a_failure_is_named(desk, asker):
    hand_over(asker, "Two things.", ASKED)
    with desk.inbox("anna", expected=("404", "409")) as anna:
        open_case(anna, "Two things.")
        form = open_form(anna, "Say what is right")
        anna.keyboard.type("Half a thought")
        anna.keyboard.press("Escape")
        expect(form).to_have_count(0)
        expect(anna.locator("#case-head h2")).to_be_visible()  # the conversation stays
        expect(anna.get_by_role("button", name="Say what is right")).to_be_focused()
        anna.keyboard.press("Enter")
        expect(form.locator("[name=text]")).to_have_value("Half a thought")
        anna.locator("#language").click()
        expect(form.get_by_label("正确答案")).to_have_value("Half a thought")
        keys: list[str] = []

        def fail(route: Any) -> None:
            keys.append(route.request.headers["idempotency-key"])
            route.fulfill(status=409, json={"code": "wrong_state", "detail": "Not now."})

        anna.route("**/v1/corrections", fail)
        for _ in range(2):
            form.get_by_role("button", name="提交给编辑").click()
            expect(form.get_by_role("alert")).to_have_text("Not now.")
        form.get_by_label("正确答案").fill("A whole thought")
        form.get_by_role("button", name="提交给编辑").click()
        expect(form.get_by_role("alert")).to_have_text("Not now.")
        assert len(keys) == 3
        assert keys[0] == keys[1] != keys[2]  # the same words make one draft, however often sent
        anna.unroute("**/v1/corrections")
        hidden = {"code": "not_found", "detail": "No such answer in a conversation."}
        anna.route("**/v1/corrections", lambda route: route.fulfill(status=404, json=hidden))
        form.get_by_role("button", name="提交给编辑").click()
        expect(form.get_by_role("alert")).to_contain_text("您无权查看的文档")
        anna.unroute("**/v1/corrections")
        form.get_by_role("button", name="提交给编辑").click()
        expect(anna.locator(".teaching [role=status]")).to_have_text(
            "已提交给编辑，批准后即用于回答。"
        )
        anna.locator("#language").click()
        expect(anna.locator(".teaching [role=status]")).to_contain_text("Sent to the editors")


@pytest.mark.parametrize("leave", ["escape", "other conversation"])
def test_what_is_under_way_is_told_of_after_its_form_was_left_and_sent_once(desk, asker, leave):
    about, other = f"Left by {leave}.", f"Beside {leave}."
    for name in (about, other):
        hand_over(asker, name, ASKED)
    with desk.inbox("anna") as anna:
        requests: list[Any] = []

        def hold(route: Any) -> None:
            requests.append(route)

        anna.route("**/v1/corrections", hold)
        open_case(anna, about)
        words = f"{RIGHT} ({leave})"
        form = open_form(anna, "Say what is right")
        form.get_by_label("What is right").fill(words)
        form.get_by_role("button", name="Send to the editors").click()
        if leave == "escape":
            form.get_by_label("What is right").press("Escape")
        else:
            open_case(anna, other)
            open_case(anna, about)
        while not requests:
            anna.wait_for_timeout(20)
        requests[0].continue_()
        anna.unroute("**/v1/corrections")
        told = anna.locator(".teaching [role=status]")
        expect(told).to_contain_text("Sent to the editors")
        expect(form).to_have_count(0)
        expect(anna.locator("#question, #case-foot button").first).to_be_visible()
        form = open_form(anna, "Say what is right")
        form.get_by_label("What is right").fill(words)
        form.get_by_role("button", name="Send to the editors").click()
        expect(told).to_contain_text("Sent to the editors")
    with desk.window("eve", "/admin#gaps") as eve:
        expect(eve.locator(".draft").first).to_be_visible()
        texts = eve.locator(".draft textarea").evaluate_all("nodes => nodes.map((n) => n.value)")
        assert texts.count(words) == 1


def test_another_agent_finds_nothing_of_what_the_one_before_wrote(desk, asker):
    hand_over(asker, "Half done.", ASKED)
    with desk.inbox("anna", expected=("401",)) as anna:
        open_case(anna, "Half done.")
        form = open_form(anna, "Say what is right")
        form.get_by_label("What is right").fill("Of Anna alone")
        anna.context.clear_cookies()
        expect(anna.locator("#key")).to_be_visible()
        anna.locator("#key-value").fill(desk.tokens["eve"])
        anna.keyboard.press("Enter")
        expect(anna.locator("#key")).to_be_hidden()
        expect(form).to_have_count(0)
        form = open_form(anna, "Say what is right")
        expect(form.get_by_label("What is right")).to_have_value("")
        form.get_by_label("What is right").fill(f"{RIGHT} (Eve)")
        form.get_by_role("button", name="Send to the editors").click()
        told = anna.locator(".teaching [role=status]")
        expect(told.get_by_role("link", name="Open the drafts")).to_be_visible()


def test_what_asks_nothing_of_the_documents_is_not_corrected(desk, asker):
    wants = "I want to talk to a human being, please."
    hand_over(asker, "", "Thank you!", wants)
    with desk.inbox("anna") as anna:
        open_case(anna, wants)
        expect(anna.locator(".speech.desk")).to_have_count(2)
        expect(anna.locator(".teaching")).to_have_count(0)


LOOKS = {
    "English": {},
    "phone-dark": {"width": 390, "dark": True},
    "Chinese-phone": {"locale": "zh-CN", "width": 390},
    "Chinese-dark": {"locale": "zh-CN", "dark": True},
}


@pytest.mark.parametrize("name", LOOKS)
def test_the_forms_are_usable_by_everybody(desk, asker, tmp_path, name):
    about = f"About {name}"
    hand_over(asker, about, ASKED)
    with desk.inbox("eve") as eve:
        open_case(eve, about)
        reply(eve, REPLY)
    with desk.inbox("eve", **LOOKS[name]) as eve:
        open_case(eve, about)
        mood = "中性" if name.startswith("Chinese") else "neutral"
        expect(eve.locator("#case-head .facts")).to_contain_text(mood)
        for number, button in enumerate(eve.locator(".teaching > button").all()):
            button.click()
            expect(eve.locator(".teaching form")).to_have_count(1)
            expect(eve.locator(".teaching [type=submit]")).to_be_in_viewport(ratio=1)
            eve.screenshot(path=tmp_path / f"{name}-{number}.png")
            check_with_axe(eve)
        assert eve.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert list_small_targets(eve) == []
        expect(eve.locator("#question")).to_be_hidden()
        eve.locator(".teaching.of-reply form [type=submit]").click()
        expect(eve.locator("#question")).to_be_visible()
        expect(eve.locator(".teaching.of-reply a")).to_be_in_viewport(ratio=0.9)
        assert list_small_targets(eve) == []
        eve.screenshot(path=tmp_path / f"{name}-sent.png")
        check_with_axe(eve)
