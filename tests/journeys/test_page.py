"""The chat page as a person meets it, in Chromium."""

import json
import re
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from engines import hesitating, running
from fakes import HashEmbedder, document
from playwright.sync_api import Browser, Page, Request, Route, expect
from server_process import served
from web_home import publish

from indexes.build import Build
from indexes.text import tokens
from ingest.document import Skipped
from ingest.skip_memory import note_skips
from ingest.source_changes import SourceChanges
from ingest.sources import Source
from ragdesk.answering.answer_options import DecideOptions
from ragdesk.answering.writing.writing_options import GenerateOptions
from ragdesk.assemble import Workspace
from ragdesk.settings import Settings
from ragdesk.support.key_store import KeyStore
from ragdesk.web import api

pytestmark = pytest.mark.real

REFUNDS = """# Refunds 🙂🙂

Read this 🙂 first. <b>Bold</b> & <script>alert(1)</script> are words here.
A refund reaches your bank account within 5 working days. Gift cards are not refunded.
"""
NOTE = "2 of 3 pages hold no text: they were not read"
CHINESE = "退款说明 🙂\n退款会在三个工作日内到账。退款原路返回。\n"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("page")
    texts = {"refunds.md": REFUNDS, "zh/退款 说明?.md": CHINESE}
    publish(home, "default", texts)
    tea = "Tea is served at four o'clock.\n"
    products = {
        "kettle.md": "Clean the Fjord kettle with a cloth.\n",
        "fryer.md": "Clean the Lava fryer with a rag.\n",
    }
    titles = {"kettle.md": "Fjord kettle", "fryer.md": "Lava fryer"}
    publish(home, "products", products, titles)
    scans = home / "collections" / "scans"
    with Build(scans, HashEmbedder()) as build:
        record, chunks = document("scan.pdf", "The scanned rules of the house.\n", source="/srv/kb")
        build.add(replace(record, notes=(NOTE,)), chunks)
        generation = build.publish().generation
    torn = Skipped(uri="<b>torn</b>.pdf", reason="cut in half", source="/srv/kb")
    change = SourceChanges(source=Source(name="/srv/kb", prefix=""))
    note_skips(scans, [change], [torn], generation)
    publish(home, "second", {"tea.md": tea, "codes.md": "E26 | Milk hose blocked\n"})
    with pytest.MonkeyPatch.context() as other_program:
        other_program.setattr(tokens, "TOKENS_VERSION", tokens.TOKENS_VERSION + 1)
        publish(home, "outdated", texts)
    return home


@pytest.fixture(scope="module")
def port(home: Path) -> Iterator[int]:
    with served(home) as (port, _):
        yield port


@pytest.fixture
def page(browser: Browser, port: int, request: pytest.FixtureRequest) -> Iterator[Page]:
    locale = getattr(request, "param", "en-US")
    context = browser.new_context(locale=locale, viewport={"width": 1280, "height": 800})
    page = context.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda line: wrong.append(line.text) if line.type == "error" else None)
    page.goto(f"http://127.0.0.1:{port}/")
    yield page
    context.close()
    expected = ("401", "404", "ERR_FAILED")  # the browser's own words for what tests provoke
    assert [line for line in wrong if not any(word in line for word in expected)] == []


def ask(page: Page, question: str) -> None:
    page.locator("#question").fill(question)
    page.keyboard.press("Enter")
    expect(page.locator(".turn:last-child .reply:not([aria-busy])")).to_be_visible()


def test_an_answer_streams_in_and_its_source_opens_at_the_cited_words(page):
    ask(page, "When does a refund reach my bank account?")
    expect(page.locator(".reply .words")).to_contain_text("working days")
    expect(page.locator("#side .card").first).to_contain_text("refunds.md")
    quote = page.locator("#side .card .quote").first.inner_text()

    page.locator(".reply .mark").first.click()

    marked = page.locator("mark.main")
    expect(marked).to_be_visible()
    expect(marked).to_be_in_viewport()
    assert marked.text_content() == quote
    expect(page.locator(".paper")).to_contain_text("<script>alert(1)</script> are words")
    page.locator("#back").click()
    expect(page.locator("#side .card").first).to_be_visible()


@pytest.mark.parametrize("page", ["zh-CN"], indirect=True)
def test_a_chinese_browser_gets_chinese_words_and_a_chinese_answer(page):
    expect(page.locator("h1")).to_have_text("想了解什么？")
    expect(page.locator("html")).to_have_attribute("lang", "zh-CN")
    ask(page, "退款会在几个工作日内到账？")
    page.locator("#side .card").first.click()
    expect(page.locator("mark.main")).to_contain_text("退款")
    page.locator("#language").click()
    expect(page.locator("html")).to_have_attribute("lang", "en")


def test_everything_can_be_done_with_the_keyboard(page):
    page.locator("body").press("/")
    expect(page.locator("#question")).to_be_focused()
    page.keyboard.type("When does a refund reach my bank account?")
    page.keyboard.press("Enter")
    mark = page.locator(".reply .mark").first
    expect(mark).to_be_visible()
    mark.focus()
    page.keyboard.press("Enter")
    expect(page.locator("mark.main")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#side")).to_be_hidden()
    expect(mark).to_be_focused()
    assert mark.get_attribute("aria-label").startswith("Open source 1")


def test_enter_while_composing_chinese_does_not_send(page):
    page.locator("#question").fill("tuikuan")
    page.evaluate(
        """document.querySelector("#question").dispatchEvent(new KeyboardEvent(
            "keydown", {key: "Enter", isComposing: true, bubbles: true, cancelable: true}))"""
    )
    expect(page.locator(".turn")).to_have_count(0)


def test_another_collection_can_be_chosen(page):
    page.locator("#collection").select_option("second")
    ask(page, "When is tea served?")
    expect(page.locator(".reply .words")).to_contain_text("four o'clock")
    ask(page, "E26 milk hose blocked?")
    cells = page.locator(".turn:last-child td")
    expect(cells).to_have_text(["E26", re.compile("Milk hose blocked")])


def test_a_question_with_several_readings_offers_them_as_buttons_best_first(page, port):
    asked = {"question": "How do I clean it?", "collection": "products"}
    answer = page.request.post(f"http://127.0.0.1:{port}/v1/answers", data=asked).json()
    page.locator("#collection").select_option("products")
    ask(page, asked["question"])
    expect(page.locator(".choice")).to_have_count(2)
    labels = page.locator(".choice").all_inner_texts()
    assert labels == [found["title"] for found in answer["passages"]]
    assert sorted(labels) == ["Fjord kettle", "Lava fryer"]
    page.get_by_role("button", name="Lava fryer", exact=True).click()
    expect(page.locator(".turn:last-child .words")).to_contain_text("with a rag")
    expect(page.locator("#side .card")).to_have_count(1)


def collect_questions(page: Page) -> list[dict[str, Any]]:
    """Collect what the page asks from now on."""
    sent: list[dict[str, Any]] = []

    def note(request: Request) -> None:
        if request.url.endswith("/v1/answers"):
            sent.append(request.post_data_json)

    page.on("request", note)
    return sent


def test_a_follow_up_is_sent_with_the_conversation_until_another_collection_is_chosen(page):
    sent = collect_questions(page)
    ask(page, "When does a refund reach my bank account?")
    ask(page, "And gift cards?")
    page.locator("#collection").select_option("second")
    ask(page, "When is tea served?")
    first, follow_up, other = (asked["conversation"] for asked in sent)
    assert first == follow_up != other
    assert not any("history" in asked for asked in sent)
    origin = page.url.partition("#")[0]
    turns = page.request.get(f"{origin}v1/conversations/{first}/turns").json()["turns"]
    assert [turn["question"] for turn in turns] == [asked["question"] for asked in sent[:2]]


def test_a_source_opens_while_the_model_still_writes_and_stays_open(page, home):
    go, keys = threading.Event(), KeyStore(home)
    with running(hesitating(go)) as model:
        generate = GenerateOptions(urls=(model,), first_seconds=60.0, model="m")
        settings = replace(Settings(), generate=generate, decide=DecideOptions(floor=0.0))
        with running(api.build_app(Workspace(home, settings, HashEmbedder()), keys)) as desk:
            page.goto(desk.removesuffix("/v1"))
            page.locator("#question").fill("When does a refund reach my bank account?")
            page.keyboard.press("Enter")
            page.locator(".reply[aria-busy] .mark").first.click()
            marked = page.locator("mark.main")
            expect(marked).to_contain_text("within 5 working days")
            go.set()
            expect(page.locator(".reply:not([aria-busy])")).to_contain_text("Gift cards")
            expect(marked).to_be_visible()
            page.locator("#back").click()
            expect(page.locator("#side .card .quote").first).to_contain_text("working days")
    keys.close()


def test_an_answer_that_comes_after_the_collection_was_changed_is_no_part_of_the_next_talk(page):
    sent = collect_questions(page)
    held: list[Route] = []
    page.route("**/v1/answers", lambda route: held.append(route))  # noqa: PLW0108, a method takes no mark of playwright's
    page.locator("#question").fill("When does a refund reach my bank account?")
    page.keyboard.press("Enter")
    while not held:
        page.wait_for_timeout(20)
    page.locator("#collection").select_option("second")
    held[0].continue_()
    page.unroute("**/v1/answers")
    ask(page, "When is tea served?")
    expect(page.locator(".turn")).to_have_count(1)  # of the conversation that was begun
    expect(page.locator(".reply")).to_contain_text("four o'clock")
    assert sent[0]["conversation"] != sent[1]["conversation"]


def test_a_long_answer_is_cut_between_characters_for_the_next_question(page):
    def lengthen(route: Route) -> None:
        reply = route.fetch()
        blocks = reply.text().split("\n\n")
        at = next(i for i, block in enumerate(blocks) if block.startswith("event: done"))
        head, _, data = blocks[at].partition("data: ")
        done = {**json.loads(data), "text": "x" * 3999 + "🙂🙂"}
        blocks[at] = f"{head}data: {json.dumps(done)}"
        route.fulfill(response=reply, body="\n\n".join(blocks))

    page.route("**/v1/answers", lengthen)
    ask(page, "When does a refund reach my bank account?")
    page.unroute("**/v1/answers")
    ask(page, "And gift cards?")
    expect(page.locator(".turn:last-child .reply:not(.failed) .words")).to_contain_text(
        "Gift cards"
    )


def test_copying_is_offered_only_where_the_browser_can(page):
    ask(page, "When does a refund reach my bank account?")
    expect(page.get_by_role("button", name="Copy", exact=True)).to_have_count(1)
    gone = "Object.defineProperty(Navigator.prototype, 'clipboard', {value: undefined})"
    page.add_init_script(gone)  # as over plain http from another host
    page.reload()
    ask(page, "When does a refund reach my bank account?")
    expect(page.get_by_role("button", name="Copy", exact=True)).to_have_count(0)


def test_the_promise_holds_whoever_writes(page):
    for words in ("Every sentence shows where it stands", "每一句都标明出处"):
        expect(page.locator("#welcome")).to_contain_text(words)
        spoken = page.locator("body").inner_text()
        assert not [w for w in ("word for word", "quote your", "逐字", "摘自") if w in spoken]
        page.locator("#language").click()


def test_outdated_words_are_not_told_as_a_missing_language_model(page):
    page.locator("#collection").select_option("outdated")
    ask(page, "When does a refund reach my bank account?")
    expect(page.locator(".reply .note.soft")).to_contain_text("Found by meaning alone")


def test_all_documents_are_listed_and_can_be_read_from_the_beginning(page):
    page.locator("#about").click()
    expect(page.locator("#side .card")).to_have_count(2)
    page.locator("#side .card").first.click()
    expect(page.locator(".paper")).to_contain_text("Refunds")
    assert page.locator(".doc-head").inner_text().count("refunds.md") == 1
    page.get_by_role("button", name="Original file").click()
    expect(page.locator("#side .wait")).to_be_visible()  # published without originals
    page.locator("#back").click()
    expect(page.locator("#side .card")).to_have_count(2)


def test_no_answer_and_no_server_are_said_as_such(page, port):
    ask(page, "zzzz qqqq")
    expect(page.locator(".reply.not_found")).to_be_visible()
    page.route("**/v1/answers", lambda route: route.abort())
    page.locator("#question").fill("again?")
    page.keyboard.press("Enter")
    expect(page.locator(".reply.failed")).to_contain_text("cannot be reached")
    page.unroute("**/v1/answers")
    page.get_by_role("button", name="Try again").click()
    expect(page.locator(".turn:last-child .reply:not([aria-busy])")).to_be_visible()


def test_a_narrow_window_scrolls_in_one_direction_only(page):
    page.set_viewport_size({"width": 360, "height": 740})
    ask(page, "When does a refund reach my bank account?" + "?" * 90)
    page.get_by_role("button", name=re.compile("source")).last.click()
    page.locator("#side .card").first.click()
    expect(page.locator("mark.main")).to_be_in_viewport()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_phone_reaches_the_documents_too(page):
    page.set_viewport_size({"width": 360, "height": 740})
    page.locator("#about").click()
    expect(page.locator("#side .card")).to_have_count(2)
    page.locator("#close").click()
    expect(page.locator("#theme")).to_be_in_viewport(ratio=1)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_row_with_empty_cells_stands_under_its_heads_with_all_its_marks(page):
    page.set_viewport_size({"width": 360, "height": 740})
    heads = ["", *(f"Tariff{n}" for n in range(11))]
    quotes = [" | ".join(heads).strip(), "Upland |  | 120", "Lowland | 7"]
    cells = page.evaluate(
        """async ([quotes, columns]) => {
          const { Turn } = await import("/page/turn.js");
          document.body.classList.add("talking");
          const place = { uri: "a.csv", title: "A", path: [], page: null, start: 0, end: 1 };
          const citations = quotes.map((quote, i) => ({ ...place, number: i + 1, chunk: `${i}`, quote, columns: i ? columns : null }));
          const text = `${quotes[0]}\n${quotes[1]} [1][2]\n${quotes[2]} [3]`;
          const seconds = { total: 1 };
          const turn = new Turn("Which?", "default", () => {});
          turn.hear("verdict", { citations });
          turn.hear("done", { text, citations, passages: [], outcome: "answered", language: "en", seconds });
          return [...document.querySelectorAll(".rows tr")].map((row) => [...row.cells].map((cell) => cell.textContent.trim()));
        }""",
        [quotes, heads],
    )
    assert cells == [
        heads,
        ["Upland", "", "120", *[""] * 8, "12"],
        ["Lowland", "7", *[""] * 9, "3"],
    ]
    expect(page.locator(".reply th")).to_have_count(12)
    expect(page.locator(".reply table")).to_have_count(1)
    first = page.locator(".reply td").first.bounding_box()
    assert first is not None
    assert first
    assert first["height"] < 48  # no word is broken; the table scrolls by itself
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_scanned_page_says_that_ocr_read_it(page):
    page.route("**/text?*", lambda route: route.fulfill(body="Shoes are worn inside.\n"))
    page.evaluate(
        """async () => {
          const { list, view } = await import("/page/sources.js");
          const place = { uri: "a.pdf", title: "A", path: [], page: 2, number: 1, chunk: "x", start: 0, end: 5, quote: "Shoes", ocr: true };
          const answer = { collection: "scans", citations: [place], passages: [] };
          list(answer, { reveal: true });
          window.card = document.querySelector("#side .card .where").textContent;
          await view(answer, place, null);
        }"""
    )
    assert page.evaluate("window.card") == "Page 2read by OCR"
    expect(page.locator(".doc-head .ocr")).to_have_text("read by OCR")
    page.unroute("**/text?*")


def test_the_last_line_of_a_document_is_no_heading(page):
    text = "House rules\n\nThe gate closes at six.\n\nNordlicht Ltd, internal\n"
    page.route("**/text?*", lambda route: route.fulfill(body=text))
    page.locator("#about").click()
    page.locator("#side .card").first.click()
    expect(page.locator(".paper b")).to_have_text(["House rules"])
    page.unroute("**/text?*")


def test_notes_and_skipped_files_are_seen_in_the_list_and_at_the_document(page):
    page.locator("#collection").select_option("scans")
    page.locator("#about").click()
    card = page.locator("#side .card", has_text="scan.pdf")
    expect(card.locator(".note")).to_have_text("1 note on how it was read")
    skipped = page.locator("details.skipped")
    expect(skipped.locator("summary")).to_have_text("1 file was not taken in")
    skipped.locator("summary").click()
    expect(skipped.locator("li")).to_have_text("<b>torn</b>.pdfcut in half")
    card.click()
    expect(page.locator(".doc-head .notes li")).to_have_text(NOTE)


def test_the_page_asks_for_a_key_where_one_is_needed(page, home):
    keys = KeyStore(home)
    _, token = keys.create("page")
    page.reload()
    expect(page.locator("#key")).to_be_visible()
    page.locator("#key-value").fill(token)
    page.keyboard.press("Enter")
    expect(page.locator("#key")).to_be_hidden()
    ask(page, "When does a refund reach my bank account?")
    expect(page.locator(".reply .mark").first).to_be_visible()
    keys.close()


def test_a_document_bears_no_mark_of_another_one_of_its_uri(page):
    page.route("**/text?*", lambda route: route.fulfill(body="Tea at four.\nCoffee at five.\n"))
    page.route("**/a.md?*", lambda route: route.fulfill(json={"notes": []}))
    texts = page.evaluate(
        """async () => {
          const { view } = await import("/page/sources.js");
          const base = { uri: "a.md", title: "A", path: [], page: null };
          const own = { ...base, number: 1, chunk: "x", start: 0, end: 12, quote: "Tea at four." };
          const other = { ...base, number: 2, chunk: "y", start: 20, end: 22, quote: "is" };
          const again = { ...base, number: 3, chunk: "z", start: 13, end: 19, quote: "Coffee" };
          const answer = { collection: "default", citations: [own, other, again], passages: [] };
          await view(answer, own, null);
          return [...document.querySelectorAll("mark")].map((mark) => [mark.className, mark.textContent]);
        }"""
    )
    assert texts == [["main", "Tea at four."], ["other", "Coffee"]]


def test_words_that_lead_somewhere_can_be_clicked_and_scripts_never(page):
    text = "🙂 Call us, read the form or run this. https://b.example/x?y=1, or not\n"
    links = [
        (2, 9, "tel:+4930"),
        (11, 24, "https://a.example/form?a=1"),
        (28, 36, "javascript:x()"),
    ]
    body = json.dumps(
        {"links": [dict(zip(("start", "end", "href"), link, strict=True)) for link in links]}
    )
    page.route("**/text?*", lambda route: route.fulfill(body=text))
    page.route(
        "**/links?*", lambda route: route.fulfill(body=body, content_type="application/json")
    )
    page.evaluate(
        """async ([text, links]) => {
          const { list, view } = await import("/page/sources.js");
          const cited = links.map(([start, end, href]) => ({ text: "form", href }));
          const place = { uri: "a.md", title: "A", path: [], number: 1, chunk: "x", start: 13, end: 17, quote: "ad t" };
          const answer = { collection: "default", citations: [{ ...place, links: cited }], passages: [] };
          list(answer, { reveal: true });
          window.cards = [...document.querySelectorAll(".leads a")].map((a) => [a.href, a.rel, a.textContent]);
          await view(answer, answer.citations[0], null);
        }""",
        [text, links],
    )
    safe = ["tel:+4930", "https://a.example/form?a=1"]
    assert page.evaluate("window.cards") == [
        [href, "noopener noreferrer", f"form {href}"] for href in safe
    ]
    anchors = page.locator(".paper a")
    shown = [(one.get_attribute("href"), one.text_content()) for one in anchors.all()]
    bare = "https://b.example/x?y=1"
    assert "".join(words for _, words in shown) == f"Call usread the form{bare}"
    assert {href for href, _ in shown} == {*safe, bare}
    assert page.locator(".paper .words").text_content() == text
    assert page.locator(".paper mark.main").text_content() == "ad t"
    page.unroute("**/text?*")
    page.unroute("**/links?*")
