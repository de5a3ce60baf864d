"""A customer asks for a person on the page, and is answered from the inbox, in Chromium."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from inbox_windows import check_with_axe, inbox, window
from playwright.sync_api import Route, expect
from server_process import served
from web_home import publish

from ragdesk.support.key_store import KeyStore

pytestmark = pytest.mark.real

TEXTS = {
    "refunds.md": "# Refunds\nA refund reaches a bank account within 5 working days.\n",
    "退款.md": "退款说明\n退款会在三个工作日内到账。\n",
}
MOUNT = """async (question) => {
  const { mountHandoff } = await import("/page/handoff.js");
  const { el } = await import("/page/dom.js");
  const { call } = await import("/page/wire.js");
  const send = async (path, body) => (await call(path, { method: "POST", body: JSON.stringify(body),
    headers: { "Content-Type": "application/json" } })).json();
  document.getElementById("person").remove(); // the page has one of its own, of its own conversation
  document.body.classList.add("talking");
  const link = el("link", { rel: "stylesheet", href: "/page/handoff.css" });
  document.head.append(link);
  const place = el("div", { id: "handoff" });
  document.getElementById("composer").prepend(place);
  const { id } = await send("/v1/conversations", {});
  const draw = (turn) => document.getElementById("turns").append(el("p", { class: "agent-reply" }, turn.answer.text));
  const handoff = mountHandoff(place, { ensure: async () => id, draw });
  await handoff.follow(id);
  window.say = async (text) => {
    const answer = await send("/v1/answers", { conversation: id, question: text });
    await handoff.follow(id);
    return answer.outcome;
  };
  return id;
}"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("handoff")
    publish(home, "default", TEXTS)
    return home


@pytest.fixture(scope="module")
def tokens(home: Path) -> dict[str, str]:
    with contextlib.closing(KeyStore(home)) as keys:
        agent = ("ask", "agent")
        return {
            "ann": keys.create("Ann")[1],
            "anna": keys.create("Anna", scopes=agent)[1],
            "ben": keys.create("Ben", scopes=agent)[1],
        }


@pytest.fixture(scope="module")
def port(home: Path, tokens: dict[str, str]) -> Iterator[int]:
    with served(home) as (port, _):
        yield port


def test_a_customer_is_answered_from_the_inbox_without_reloading_and_rates_it(
    browser, port, tokens, tmp_path
):
    with (
        window(browser, port, "/", key=tokens["ann"]) as ann,
        inbox(browser, port, tokens["anna"]) as anna,
    ):
        ann.evaluate(MOUNT)
        ann.evaluate("say('When does a refund reach a bank account?')")
        ann.get_by_role("button", name="Talk to a person").click()
        check_with_axe(ann, "#handoff")
        ann.get_by_label("What is it about").fill("My parcel is lost.")
        ann.get_by_label("E-mail").fill("ann@example.org")
        ann.get_by_role("button", name="Ask for a person").click()
        expect(ann.locator("#handoff")).to_contain_text("passed on to a person")

        entry = anna.locator(".entry")
        expect(entry).to_contain_text("asked for a person")
        entry.click()
        expect(anna.locator("#case-head")).to_contain_text("ann@example.org")
        expect(anna.locator(".speech.desk")).to_contain_text("within 5 working days")
        anna.locator(".speech.desk .mark").click()
        expect(anna.locator("mark.main")).to_contain_text("5 working days")
        anna.keyboard.press("Escape")
        anna.get_by_role("button", name="Take", exact=True).click()
        expect(ann.locator("#handoff")).to_contain_text("Anna is helping you")
        anna.get_by_role("button", name="Draft from the documents").click()
        expect(anna.locator("#question")).to_have_value(
            "A refund reaches a bank account within 5 working days. [1]"
        )
        anna.locator("#question").fill("I found it: it comes tomorrow. Refunds are quick, too. [1]")
        anna.screenshot(path=tmp_path / "inbox.png")
        check_with_axe(anna)
        anna.locator("#theme").click()
        check_with_axe(anna)
        anna.screenshot(path=tmp_path / "dark.png")
        expect(anna.locator("#cited .chip")).to_have_count(1)
        anna.get_by_role("button", name="Send", exact=True).click()
        expect(ann.locator(".agent-reply")).to_have_text(
            "I found it: it comes tomorrow. Refunds are quick, too. [1]"
        )
        assert ann.evaluate("say('Thank you! And when?')") == "handed_over"
        expect(anna.locator(".speech.customer").last).to_have_text("CustomerThank you! And when?")
        expect(anna.locator(".speech.agent .mark")).to_have_count(1)
        anna.get_by_role("button", name="Close", exact=True).first.click()
        expect(ann.get_by_text("How were you helped?")).to_be_visible()
        ann.screenshot(path=tmp_path / "rating.png")
        check_with_axe(ann, "#handoff")
        ann.get_by_label("Very well").check()
        ann.get_by_label("Anything to add").fill("Quick!")
        ann.locator("#handoff").get_by_role("button", name="Send", exact=True).click()
        expect(ann.locator("#handoff")).to_contain_text("Thank you for telling us")
        expect(ann.locator(".agent-reply")).to_have_count(1)


def test_of_two_agents_the_second_is_told_and_a_transfer_comes_back_to_the_queue(
    browser, port, tokens
):
    with (
        window(browser, port, "/", key=tokens["ann"]) as ann,
        inbox(browser, port, tokens["anna"]) as anna,
        inbox(browser, port, tokens["ben"]) as ben,
    ):
        ann.evaluate(MOUNT)
        assert ann.evaluate("say('I want to talk to a human being, please.')") == "handed_over"
        for page in (anna, ben):
            page.locator(".entry", has_text="human being").click()
        anna.get_by_role("button", name="Take", exact=True).click()
        expect(anna.locator("#question")).to_be_focused()
        expect(ben.locator("#case-head")).to_contain_text("Being helped")
        expect(ben.get_by_role("button", name="Take", exact=True)).to_have_count(0)
        anna.get_by_role("button", name="Transfer", exact=True).click()
        anna.get_by_label("To whom").fill("Ben")
        anna.get_by_role("button", name="Put back").click()
        ben.get_by_role("button", name="Take", exact=True).click()
        expect(ben.locator("#question")).to_be_visible()
        expect(ann.locator("#handoff")).to_contain_text("Ben is helping you")
        ann.get_by_role("button", name="That is all").click()
        expect(ben.locator("#case-head")).to_contain_text("Closed")


def ask_for_person(browser, port, key, question, about):
    """Ask a question on the chat page, have it passed on, and close the page."""
    with window(browser, port, "/", key=key) as page:
        page.evaluate(MOUNT)
        page.evaluate("question => say(question)", question)
        page.get_by_role("button", name="Talk to a person").click()
        page.get_by_label("What is it about").fill(about)
        page.get_by_role("button", name="Ask for a person").click()
        expect(page.locator("#handoff")).to_contain_text("passed on to a person")


def test_an_agent_says_what_a_question_is_about_by_the_keyboard_in_both_languages(
    browser, port, tokens, tmp_path
):
    ask_for_person(
        browser, port, tokens["ann"], "Do you repair a broken teapot?", "My teapot broke."
    )
    with inbox(browser, port, tokens["anna"], width=360) as anna:
        anna.locator(".entry", has_text="My teapot broke.").click()
        choice = anna.get_by_label("Message 1 is about")
        expect(choice).to_have_value("")
        expect(choice.locator("option").first).to_contain_text("(recognised)")
        check_with_axe(anna)
        choice.focus()
        with anna.expect_response("**/intent") as said:
            anna.keyboard.type("warr")
        assert said.value.status == 200
        expect(choice).to_have_value("warranty")
        expect(anna.locator(".intent [role=status]")).to_have_text("Saved.")
        anna.locator("#language").click()
        choice = anna.get_by_label("第 1 条消息的意图")
        expect(choice).to_have_value("warranty")
        expect(choice.locator("option:checked")).to_have_text("保修")
        check_with_axe(anna)
        assert anna.evaluate("document.documentElement.scrollWidth <= innerWidth")
        anna.screenshot(path=tmp_path / "intents.png")
        with anna.expect_response("**/intent") as taken:
            choice.select_option("")
        assert (taken.value.request.method, taken.value.status) == ("DELETE", 204)
        anna.route("**/intent", lambda route: route.fulfill(status=409, body="{}"))
        choice.select_option("invoice")
        expect(choice).to_have_value("")
        expect(anna.locator(".intent [role=status]")).not_to_be_empty()


def test_an_open_inbox_shows_what_another_agent_says_of_a_question(browser, port, tokens):
    ask_for_person(browser, port, tokens["ann"], "Do you engrave a silver spoon?", "My spoon.")
    with (
        inbox(browser, port, tokens["anna"]) as anna,
        inbox(browser, port, tokens["ben"]) as ben,
    ):
        choices = []
        for page in (anna, ben):
            page.locator(".entry", has_text="My spoon.").click()
            choices.append(page.get_by_label("Message 1 is about"))
        own, other = choices
        other.select_option("warranty")
        expect(own).to_have_value("warranty")
        own.select_option("invoice")
        expect(other).to_have_value("invoice")
        with ben.expect_response("**/intent") as said:  # what one chose before is chosen again
            other.select_option("warranty")
        assert said.value.status == 200
        expect(own).to_have_value("warranty")
        other.select_option("")
        expect(own).to_have_value("")


def test_a_key_without_the_scope_does_not_open_the_inbox(browser, port, tokens):
    with window(browser, port, "/inbox") as page:
        page.locator("#key-value").fill(tokens["ann"])
        page.keyboard.press("Enter")
        expect(page.locator("#key-wrong")).to_be_visible()
        expect(page.locator(".entry")).to_have_count(0)


def test_a_chinese_phone_shows_the_queue_and_one_case_and_goes_back_by_the_keyboard(
    browser, port, tokens, tmp_path
):
    with (
        window(browser, port, "/", key=tokens["ann"], locale="zh-CN") as ann,
        inbox(browser, port, tokens["anna"], locale="zh-CN", width=360) as anna,
    ):
        ann.evaluate(MOUNT)
        ann.get_by_role("button", name="联系人工").click()
        ann.get_by_label("想咨询什么").fill("我的包裹在哪里？")
        ann.get_by_role("button", name="转人工").click()
        expect(ann.locator("#handoff")).to_contain_text("转交人工")
        anna.locator(".entry", has_text="我的包裹").focus()
        anna.keyboard.press("Enter")
        expect(anna.locator("#case-head h2")).to_have_text("我的包裹在哪里？")
        expect(anna.locator("#queue")).to_be_hidden()
        anna.screenshot(path=tmp_path / "phone.png")
        assert anna.evaluate("document.documentElement.scrollWidth <= innerWidth")
        check_with_axe(anna)
        anna.locator("#to-queue").click()
        expect(anna.locator("#queue")).to_be_visible()
        anna.keyboard.press("Enter")  # the entry has the keyboard again
        expect(anna.locator("#queue")).to_be_hidden()
        anna.keyboard.press("Escape")
        expect(anna.locator("#queue")).to_be_visible()
        check_with_axe(anna)
        check_with_axe(ann, "#handoff")
        assert anna.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_signing_out_ends_the_session(browser, port, tokens):
    with inbox(browser, port, tokens["anna"]) as page:
        page.get_by_role("button", name="Sign out").click()
        expect(page.locator("#key")).to_be_visible()


BEGIN = """async (names) => {
  const { call } = await import("/page/wire.js");
  const send = async (path, body) => (await call(path, { method: "POST", body: JSON.stringify(body),
    headers: { "Content-Type": "application/json" } })).json();
  for (const text of names) {
    const { id } = await send("/v1/conversations", {});
    await send("/v1/handoffs", { conversation: id, text });
  }
}"""


def test_a_long_queue_goes_on_at_a_press_and_stays_so_long(browser, port, tokens):
    def shorten(route: Route) -> None:
        route.continue_(url=f"{route.request.url}&limit=2")

    with window(browser, port, "/", key=tokens["ann"]) as ann:
        ann.evaluate(BEGIN, [f"parcel {number}" for number in range(5)])
    with inbox(browser, port, tokens["anna"]) as anna:
        expect(anna.locator("#more")).to_be_hidden()
        anna.route("**/v1/handoffs?*view=queue*", shorten)
        expect(anna.locator("#more")).to_be_visible()
        expect(anna.locator(".entry")).to_have_count(2)
        anna.locator("#more").click()
        expect(anna.locator(".entry")).to_have_count(4)
        expect(anna.locator(".entry").nth(2)).to_be_focused()
        with anna.expect_response("**cursor=*"):  # the next look reads as many pages
            pass
        expect(anna.locator(".entry")).to_have_count(4)
        check_with_axe(anna)
        while anna.locator("#more").is_visible():
            anna.locator("#more").click()
            anna.wait_for_timeout(500)
        expect(anna.locator(".entry", has_text="parcel 4")).to_have_count(1)


def test_a_person_is_offered_only_where_one_can_be_asked_for(browser, port, tokens):
    def turn_off(route: Route) -> None:
        response = route.fetch()
        route.fulfill(response=response, json={**response.json(), "enabled": False})

    with window(browser, port, "/", key=tokens["ann"]) as ann:
        expect(ann.get_by_role("button", name="Talk to a person")).to_be_visible()
        ann.route("**/v1/handoffs?*", turn_off)
        with ann.expect_response("**/v1/handoffs?*"):
            ann.reload()
        expect(ann.locator("#about")).to_be_visible()
        expect(ann.get_by_role("button", name="Talk to a person")).to_have_count(0)


def test_what_is_passed_on_to_a_person_is_not_judged(browser, port, tokens):
    with window(browser, port, "/", key=tokens["ann"]) as ann:
        ann.locator("#question").fill("When does a refund reach a bank account?")
        ann.keyboard.press("Enter")
        expect(ann.locator(".turn .thumbs")).to_have_count(1)
        ann.locator("#question").fill("I want to talk to a human being, please.")
        ann.keyboard.press("Enter")
        expect(ann.locator(".turn:last-child .reply.handed_over")).to_be_visible()
        expect(ann.locator(".turn .thumbs")).to_have_count(1)
