"""Conversations on the chat page, in Chromium: kept, opened again, searched, shared, judged."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from server_process import served
from web_home import REFUNDS, publish

pytestmark = pytest.mark.real

QUESTION = "When does a refund reach my bank account?"
MANUAL = "{0}说明书\n{0}{1}。\n{0}的保修期为{2}年。\n{0}的重量为{3}公斤。\n"
KETTLE = MANUAL.format("峡湾烧水壶", "每月用白醋除垢", "三", "一")
GRINDER = MANUAL.format("北光咖啡机", "每周用清水冲洗", "两", "九")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    publish(
        tmp_path / "home",
        "default",
        {"refunds.md": REFUNDS, "退款.md": "退款会在三个工作日内到账。\n"},
    )
    return tmp_path / "home"


@pytest.fixture
def page(browser: Browser, home: Path, request: pytest.FixtureRequest) -> Iterator[Page]:
    locale = getattr(request, "param", "en-US")
    with served(home) as (port, _):
        context = browser.new_context(locale=locale, viewport={"width": 1280, "height": 800})
        page = context.new_page()
        wrong: list[str] = []
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.goto(f"http://127.0.0.1:{port}/")
        yield page
        context.close()
        assert wrong == []


def ask(page: Page, question: str) -> None:
    page.locator("#question").fill(question)
    page.keyboard.press("Enter")
    expect(page.locator(".turn:last-child .reply:not([aria-busy])")).to_be_visible()


def test_a_reload_loses_nothing_and_the_address_opens_it_again(page):
    ask(page, QUESTION)
    ask(page, "退款几天到账？")
    words = page.locator(".reply .words").all_inner_texts()
    assert re.search(r"#c=\w+", page.url)

    page.reload()

    expect(page.locator(".turn")).to_have_count(2)
    assert page.locator(".reply .words").all_inner_texts() == words
    page.locator(".reply .mark").first.click()
    expect(page.locator("mark.main")).to_be_in_viewport()

    page.locator("#close").click()
    page.locator("#fresh").click()
    expect(page.locator(".turn")).to_have_count(0)
    assert "#c=" not in page.url


@pytest.mark.parametrize("page", ["zh-CN"], indirect=True)
def test_a_chinese_conversation_with_a_follow_up_stands_after_a_reload_and_a_return(page, home):
    publish(home, "manuals", {"烧水壶.md": KETTLE, "咖啡机.md": GRINDER})
    origin = page.url.partition("#")[0]
    alone = {"question": "那它的保修期呢？", "collection": "manuals"}
    for _ in range(100):
        if (answer := page.request.post(f"{origin}v1/answers", data=alone)).ok:
            break
        page.wait_for_timeout(50)
    assert answer.json()["outcome"] == "clarify"  # of which, nobody can tell
    page.reload()
    page.locator("#collection").select_option("manuals")
    ask(page, "峡湾烧水壶怎么除垢？")
    first = read_turns(page)

    page.reload()
    expect(page.locator(".turn")).to_have_count(1)
    assert read_turns(page) == first
    ask(page, alone["question"])  # inherits what was said before the reload
    expect(page.locator(".turn:last-child .words")).to_contain_text("峡湾烧水壶的保修期为三年。")
    whole, talk = read_turns(page), page.url
    page.reload()
    expect(page.locator(".turn")).to_have_count(2)
    assert read_turns(page) == whole
    assert whole[:1] == first

    page.locator("#fresh").click()
    expect(page.locator(".turn")).to_have_count(0)
    page.locator("#past-open").click()
    page.locator(".past-row .past-open", has_text="峡湾烧水壶怎么除垢").click()
    expect(page.locator(".turn .asked")).to_have_text(["峡湾烧水壶怎么除垢？", alone["question"]])
    assert (page.url, read_turns(page)) == (talk, whole)
    page.locator(".turn:last-child .reply .mark").first.click()
    expect(page.locator("mark.main")).to_have_text("峡湾烧水壶的保修期为三年。")


def read_turns(page: Page) -> list[list[str]]:
    """Return the words of each turn: its question, its answer with the numbers of its citations."""
    turns = page.locator(".turn").all()
    return [turn.locator(".asked, .reply .words, .under .chip").all_inner_texts() for turn in turns]


def test_conversations_are_listed_searched_renamed_and_deleted(page):
    ask(page, QUESTION)
    page.locator("#fresh").click()
    ask(page, "退款几天到账？")
    page.locator("#past-open").click()
    expect(page.locator(".past-row")).to_have_count(2)

    page.locator("#past-search").fill("bank")
    expect(page.locator(".past-row")).to_have_count(1)
    page.locator(".past-tools button", has_text="Rename").click()
    page.locator(".past-rename input").fill("Of money")
    page.keyboard.press("Enter")
    expect(page.locator(".past-row .card-title")).to_have_text("Of money")
    page.locator(".past-tools button", has_text="Delete").click()
    expect(page.locator(".past-row")).to_have_count(1)  # asked twice
    page.locator(".past-tools button", has_text="Delete for good").click()
    expect(page.locator(".past-row")).to_have_count(0)

    page.locator("#past-search").fill("退款")
    expect(page.locator(".past-row")).to_have_count(1)
    page.locator("#past-close").click()
    expect(page.locator("#past")).to_be_hidden()


def test_a_shared_conversation_is_read_by_others_and_goes_on_for_nobody_else(page, browser):
    ask(page, QUESTION)
    page.locator("#past-open").click()
    with page.expect_response(lambda reply: reply.url.endswith("/share")) as sharing:
        page.locator(".past-tools button", has_text="Share").click()
    token = sharing.value.json()["token"]
    other = browser.new_context(locale="en-US").new_page()
    other.goto(f"{page.url.partition('#')[0]}#s={token}")

    expect(other.locator(".turn .asked")).to_have_text(QUESTION)
    expect(other.locator("#composer")).to_be_hidden()
    other.context.close()


def test_an_answer_is_judged_with_reasons_and_words(page):
    ask(page, QUESTION)
    page.get_by_role("button", name="Not helpful").click()
    page.locator(".judgement label", has_text="Outdated").click()
    page.locator(".judgement textarea").fill("It was three days.")
    page.locator(".judgement").get_by_role("button", name="Send").click()
    expect(page.locator(".judgement")).to_have_count(0)
    page.reload()
    expect(page.get_by_role("button", name="Not helpful")).to_have_attribute("aria-pressed", "true")

    name = page.url.partition("#c=")[2]
    origin = page.url.partition("#")[0]
    (turn,) = page.request.get(f"{origin}v1/conversations/{name}/turns").json()["turns"]
    judgement = turn["feedback"]
    assert (judgement["verdict"], judgement["reasons"]) == ("down", ["outdated"])
    assert judgement["comment"] == "It was three days."


def test_the_page_of_a_conversation_that_is_gone_says_so(page):
    page.goto(f"{page.url.partition('#')[0]}#c={'0' * 32}")
    page.reload()
    expect(page.locator("#heard")).to_have_text("That conversation is not here, or not yours.")
    ask(page, QUESTION)
    expect(page.locator(".reply .words")).to_contain_text("working days")
