"""What the chat page shows of documents, and that everybody can use it, in Chromium."""

import importlib.resources
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from engines import running
from fakes import HashEmbedder
from faq_home import ASKED, publish_faq
from pdf_home import FIRST, SECOND, publish_pdfs, publish_pictures
from playwright.sync_api import Browser, Page, Response, expect
from web_home import publish

from ragdesk.assemble import Workspace
from ragdesk.settings import Settings
from ragdesk.support.key_store import KeyStore
from ragdesk.web import api
from ragdesk.web.page_options import PageOptions

pytestmark = pytest.mark.real

CODES = "Codes of the stove\n\nCode | Meaning | What to do\nE26 | Milk hose blocked | Rinse it\nE31 | Update interrupted | Start again\n\nAll else is in the manual.\n"
ZONES = [f"Zone number {n}" for n in range(9)]
RATES = f"Parcel | {' | '.join(ZONES)}\nJumbo parcel | {' | '.join('120 euros' for _ in ZONES)}\n"
HEAVIEST_PAGE = 150 << 10  # bytes of all its files
GRAVE = {"moderate", "serious", "critical"}  # axe's words for what is above minor


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("viewer")
    publish_pdfs(home, "papers")
    publish_faq(home, "faq")
    publish_pictures(home, "pictures", "")
    texts, titles = {"codes.md": CODES, "rates.md": RATES}, {"codes.md": "Stove codes"}
    publish(home, "tables", texts, titles)
    return home


@pytest.fixture(scope="module")
def address(home: Path) -> Iterator[str]:
    keys = KeyStore(home)
    app = api.build_app(Workspace(home, Settings(), HashEmbedder()), keys)
    with running(app) as desk:
        yield desk.removesuffix("/v1")
    keys.close()


@pytest.fixture
def page(browser: Browser, address: str, request: pytest.FixtureRequest) -> Iterator[Page]:
    options: dict[str, Any] = {"viewport": {"width": 1280, "height": 800}}
    context = browser.new_context(**options | getattr(request, "param", {}))
    page = context.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda line: wrong.append(line.text) if line.type == "error" else None)
    page.goto(address)
    yield page
    context.close()
    expected = ("401", "404")  # the browser's own words for what tests provoke
    assert [line for line in wrong if not any(word in line for word in expected)] == []


def ask(page: Page, question: str, collection: str) -> None:
    page.locator("#collection").select_option(collection)
    page.locator("#question").fill(question)
    page.keyboard.press("Enter")
    expect(page.locator(".turn:last-child .reply:not([aria-busy])")).to_be_visible()


def check_access(page: Page, state: str) -> None:
    """Have axe look at the page as it is now: nothing above minor, and no scrolling sideways."""
    axe = importlib.resources.files("axe_playwright_python").joinpath("axe.min.js").read_text()
    if not page.evaluate("Boolean(window.axe)"):
        page.evaluate(f"() => {{ {axe} }}")
    page.wait_for_timeout(250)  # a panel slides in, half transparent
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), state
    found = page.evaluate("axe.run(document).then((result) => result.violations)")
    grave = [
        (rule["id"], rule["impact"], [node["html"][:160] for node in rule["nodes"]])
        for rule in found
        if rule["impact"] in GRAVE
    ]
    assert grave == [], f"{state}: {json.dumps(grave, indent=1)}"


def paint(page: Page, x: str, y: str) -> list[int]:
    """Give the colour of the page's picture at a place, as shares of its width and height."""
    return page.evaluate(
        f"""() => {{
          const canvas = document.querySelector(".frame canvas");
          const at = [canvas.width * {x}, canvas.height * {y}].map(Math.round);
          return [...canvas.getContext("2d").getImageData(...at, 1, 1).data];
        }}"""
    )


def test_a_page_of_a_pdf_is_drawn_with_the_quote_marked_on_it(page):
    ask(page, "When is a refund paid?", "papers")
    card = page.locator("#side .card", has_text=FIRST).first
    expect(card.locator(".card-title")).to_have_text("Refund rules")
    card.locator(".card-head").click()
    box = page.locator(".boxes .main")
    expect(box).to_have_count(1)
    frame, mark = page.locator(".frame").bounding_box(), box.bounding_box()
    assert frame
    assert mark
    scale = frame["width"] / 595.28
    assert mark["x"] - frame["x"] == pytest.approx(71 * scale, abs=2)
    assert mark["y"] - frame["y"] == pytest.approx(89 * scale, abs=2)
    assert mark["width"] == pytest.approx(170 * scale, abs=3)
    assert paint(page, "0.9", "0.9") == [255, 255, 255, 255]
    picture = page.get_by_role("img", name=re.compile("Page 1 as a picture. Marked: "))
    expect(picture).to_be_visible()

    page.get_by_role("button", name="Next page").click()
    expect(page.locator(".count")).to_have_text("2 / 2")
    expect(page.get_by_role("img", name="Page 2 as a picture")).to_be_visible()
    expect(box).to_have_count(0)
    expect(page.get_by_role("button", name="Next page")).to_be_disabled()
    page.locator(".sheet").focus()
    page.keyboard.press("PageUp")
    expect(page.locator(".count")).to_have_text("1 / 2")
    page.get_by_role("button", name="Enlarge").click()
    expect(page.locator(".sheet:not([aria-busy])")).to_be_visible()
    wider = page.locator(".frame").bounding_box()
    assert wider
    assert wider["width"] == pytest.approx(2 * frame["width"], abs=4)

    page.get_by_role("button", name="Text", exact=True).click()
    expect(page.locator("mark.main")).to_have_text(FIRST)
    expect(page.locator(".pages")).to_be_hidden()
    assert SECOND in (page.locator(".paper").text_content() or "")


def test_a_page_that_cannot_be_drawn_leaves_the_text_one_click_away(page):
    page.route("**/pages/*", lambda route: route.fulfill(status=404, json={"detail": "torn"}))
    ask(page, "When is a refund paid?", "papers")
    page.locator("#side .card-head").first.click()
    expect(page.locator(".pages .wait")).to_contain_text("cannot be shown as a picture")
    page.get_by_role("button", name="Text", exact=True).click()
    expect(page.locator("mark.main")).to_be_visible()


def test_the_pictures_in_a_file_stand_below_its_text(page):
    page.locator("#collection").select_option("pictures")
    page.locator("#about").click()
    page.locator("#side .card").click()
    page.locator("summary", has_text="1 picture in the file").click()
    picture = page.get_by_role("img", name="Picture 1 in plan.html")
    expect(picture).to_be_visible()
    colour = picture.evaluate(
        "(canvas) => [...canvas.getContext('2d').getImageData(5, 5, 1, 1).data]"
    )
    assert colour == [200, 30, 30, 255]
    check_access(page, "pictures in a file")


def test_a_stored_table_is_a_table_with_the_cited_row_marked(page):
    ask(page, "E26 milk hose blocked?", "tables")
    card = page.locator("#side .card", has_text="Milk hose").first
    expect(card.locator(".card-title")).to_have_text("Stove codes")
    card.locator(".card-head").click()
    expect(page.locator(".paper th")).to_have_text(["Code", "Meaning", "What to do"])
    expect(page.locator(".paper tr.cited td")).to_have_text(
        ["E26", "Milk hose blocked", "Rinse it"]
    )
    expect(page.locator(".paper b")).to_have_text(["Codes of the stove"])
    expect(page.locator(".paper")).to_contain_text("All else is in the manual.")
    words = page.locator(".paper .words").evaluate("(node) => node.innerText")
    assert "|" not in words


def test_the_panel_goes_with_the_turn_that_is_looked_at(page):
    ask(page, "E26 milk hose blocked?", "tables")
    ask(page, "zzzz qqqq", "tables")
    expect(page.locator("#side .asked-for")).to_have_text("zzzz qqqq")
    expect(page.locator("#side .number")).to_have_count(0)
    page.locator(".turn").first.locator(".chip").first.focus()
    expect(page.locator("#side .asked-for")).to_have_text("E26 milk hose blocked?")
    expect(page.locator("#side .number").first).to_be_visible()


def test_a_faq_entry_shows_its_question_and_offers_its_neighbours(page):
    page.locator("#collection").select_option("faq")
    expect(page.locator("#suggested .chip")).to_have_count(4)
    page.locator("#suggested .chip", has_text=ASKED[1]).click()
    expect(page.locator("#side .asked-there").first).to_have_text(ASKED[1])
    neighbours = page.get_by_role("group", name="Related questions").get_by_role("button")
    expect(neighbours.first).to_have_text(ASKED[2])
    neighbours.first.click()
    expect(page.locator(".turn:last-child h2")).to_have_text(ASKED[2])


def test_a_switch_of_the_language_changes_our_words_in_what_was_said_before(page):
    ask(page, "zzzz qqqq", "tables")
    note = page.locator(".reply .note")
    words = note.inner_text()
    page.locator("#language").click()
    expect(note).not_to_have_text(words)
    expect(note).to_have_text(re.compile("[一-鿿]"))
    expect(page.locator(".took")).to_have_text(re.compile("毫秒|秒"))
    expect(page.locator(".reply .words")).to_contain_text("The documents do not answer")


def test_a_reason_of_every_kind_has_a_label_in_both_languages(page):
    from ragdesk.answering.answer import AnswerReason  # noqa: PLC0415 - read with the page alone

    silent = {"greeting", "thanks", "goodbye"}
    for reason in AnswerReason:
        labels = page.evaluate(
            """async (reason) => {
              const { Turn } = await import("/page/turn.js");
              const { speak } = await import("/page/words.js");
              const turn = new Turn("?", "tables", () => {});
              const step = { text: "Do this.", links: [] };
              turn.hear("done", { text: "No.", citations: [], passages: [], outcome: "not_found", reason, next_step: step, language: "en", seconds: {} });
              const all = [];
              for (const language of ["en", "zh"]) {
                speak(language);
                all.push(turn.node.querySelector(".note")?.textContent ?? "");
              }
              return [...all, turn.node.querySelector(".next").textContent];
            }""",
            reason.value,
        )
        assert labels[2] == "Do this."
        assert all(labels[:2]) == (reason.value not in silent), reason
        assert labels[0] != labels[1] or reason.value in silent
        assert "undefined" not in "".join(labels)


def test_a_long_question_is_folded_and_can_be_opened(page):
    ask(page, "First line of a mail\n" * 30, "tables")
    heading = page.locator(".turn:last-child h2")
    folded = heading.bounding_box()
    button = page.get_by_role("button", name="Show the whole question")
    expect(button).to_have_attribute("aria-expanded", "false")
    button.click()
    opened = heading.bounding_box()
    assert folded
    assert opened
    assert opened["height"] > 3 * folded["height"]
    expect(page.get_by_role("button", name="Fold the question")).to_be_visible()


def test_an_answer_is_announced_once_and_the_page_has_one_h1_and_large_targets(page):
    page.evaluate(
        """() => {
          window.heard = [];
          const watch = new MutationObserver(() => window.heard.push(document.querySelector("#heard").textContent));
          watch.observe(document.querySelector("#heard"), { childList: true });
        }"""
    )
    ask(page, "E26 milk hose blocked?", "tables")
    heard = page.evaluate("window.heard")
    assert len(heard) == 2
    assert "Milk hose blocked" in heard[1]
    assert page.locator("h1").count() == 1
    small = page.evaluate(
        """[...document.querySelectorAll("button, select, a.chip")].filter((node) => node.offsetParent)
          .map((node) => [node.outerHTML.slice(0, 80), node.getBoundingClientRect()])
          .filter(([, box]) => box.width < 24 || box.height < 24).map(([html]) => html)"""
    )
    assert small == []


def test_a_panel_that_covers_the_page_keeps_the_keyboard_and_gives_it_back(page):
    page.set_viewport_size({"width": 360, "height": 740})
    ask(page, "E26 milk hose blocked?", "tables")
    chip = page.locator(".turn:last-child .under > .chip").first
    chip.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#side .card-head").first).to_be_visible()
    reached = set()
    for _ in range(12):
        page.keyboard.press("Tab")
        reached.add(
            page.evaluate("document.activeElement.closest('#side, .bar, .talk')?.className")
        )
    assert "talk" not in reached
    assert "bar" not in reached
    page.locator("#side .card-head").first.press("Enter")
    expect(page.locator("#side-title")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("#side")).to_be_hidden()
    page.set_viewport_size({"width": 1280, "height": 800})
    page.locator("#question").focus()
    expect(page.locator("#question")).to_be_focused()


def test_a_wrong_key_is_said_to_be_wrong_and_can_be_changed(browser, tmp_path):
    publish(tmp_path, "default", {"codes.md": CODES})
    keys = KeyStore(tmp_path)
    _, token = keys.create("page")
    app = api.build_app(Workspace(tmp_path, Settings(), HashEmbedder()), keys)
    with running(app) as desk:
        page = browser.new_page()
        page.goto(desk.removesuffix("/v1"))
        expect(page.locator("#key-wrong")).to_be_hidden()
        page.locator("#key-value").fill("rd_wrong")
        page.keyboard.press("Enter")
        expect(page.locator("#key-wrong")).to_be_visible()
        page.locator("#key-later").click()
        page.locator("#change-key").click()
        page.locator("#key-value").fill(token)
        page.keyboard.press("Enter")
        expect(page.locator("#about")).to_have_text("1 document")
        expect(page.locator("#key")).to_be_hidden()
        page.close()
    keys.close()


def test_the_page_bears_the_operators_name_greeting_logo_colour_and_questions(browser, tmp_path):
    publish(tmp_path, "default", {"codes.md": CODES})
    logo = tmp_path / "logo.svg"
    logo.write_text('<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20"/>')
    look = PageOptions(
        name="Nordlicht help",
        greeting="How can we help?",
        logo=str(logo),
        accent="#8a1c4a",
        accent_dark="#ff9ec4",
        suggestions=("E26 milk hose blocked?",),
    )
    keys = KeyStore(tmp_path)
    settings = replace(Settings(), page=look)
    with running(api.build_app(Workspace(tmp_path, settings, HashEmbedder()), keys)) as desk:
        page = browser.new_page()
        page.goto(desk.removesuffix("/v1"))
        expect(page.locator("h1")).to_have_text("How can we help?")
        expect(page).to_have_title("Nordlicht help")
        assert page.locator("#logo").evaluate(
            "(image) => image.decode().then(() => image.naturalWidth)"
        )
        expect(page.locator("#send")).to_have_css("background-color", "rgb(138, 28, 74)")
        check_access(page, "an operator's colours")
        page.locator("#theme").click()
        check_access(page, "an operator's colours in the dark")
        page.set_viewport_size({"width": 360, "height": 740})
        for part in ("collection-box", "change-key"):  # all that the bar may ever hold
            page.locator(f"#{part}").evaluate("(node) => (node.hidden = false)")
        check_access(page, "a full bar on a phone")
        page.locator("#suggested .chip").click()
        expect(page.locator(".reply:not([aria-busy])")).to_contain_text("Milk hose")
        page.close()
    keys.close()


def test_speaking_and_listening_are_offered_where_the_browser_can_and_asked_for_by_a_press(page):
    page.add_init_script(
        """window.asked = 0;
        window.webkitSpeechRecognition = window.SpeechRecognition = class {
          start() { window.asked += 1; this.onresult({ results: [[{ transcript: "E26?" }]] }); }
          stop() { this.onend(); }
        };
        window.said = [];
        window.SpeechSynthesisUtterance = class { constructor(text) { this.text = text; } };
        Object.defineProperty(window, "speechSynthesis", { value: { getVoices: () => [1], cancel() {}, speak: (words) => window.said.push(words) } });"""
    )
    page.reload()
    listen = page.get_by_role("button", name="Speak your question")
    expect(listen).to_have_attribute("aria-pressed", "false")
    assert page.evaluate("window.asked") == 0
    listen.click()
    expect(page.locator("#question")).to_have_value("E26?")
    listen.click()
    ask(page, "E26 milk hose blocked?", "tables")
    page.get_by_role("button", name="Read aloud").click()
    (words,) = page.evaluate("window.said.map((one) => [one.text, one.lang])")
    assert "[1]" not in words[0]
    assert words[1] == "en-US"
    gone = "delete window.SpeechRecognition; delete window.webkitSpeechRecognition; Object.defineProperty(window, 'speechSynthesis', { value: undefined });"
    page.add_init_script(gone)
    page.reload()
    ask(page, "E26 milk hose blocked?", "tables")
    expect(page.locator("#listen")).to_be_hidden()
    expect(page.get_by_role("button", name="Read aloud")).to_have_count(0)


STATES = {
    "light": {},
    "dark": {"color_scheme": "dark"},
    "phone": {"viewport": {"width": 360, "height": 740}},
    "Chinese": {"locale": "zh-CN"},
}


@pytest.mark.parametrize("page", STATES.values(), ids=STATES, indirect=True)
def test_axe_finds_nothing_above_minor_in_any_state_of_the_page(page):
    check_access(page, "welcome")
    ask(page, "E26 milk hose blocked?", "tables")
    check_access(page, "an answer with a table")
    if page.locator("#close").is_visible():
        page.locator("#close").click()
    ask(page, "Jumbo parcel zone number 3?", "tables")
    page.locator(".turn:last-child .under > .chip").first.click()
    page.locator("#side .card-head").first.click()
    expect(page.locator("mark.main").first).to_be_visible()
    check_access(page, "a wide table")
    page.locator("#close").click()
    page.locator(".turn:last-child .under > .chip").first.click()
    check_access(page, "its sources")
    page.locator("#side .card-head").first.click()
    expect(page.locator("mark.main").first).to_be_visible()
    check_access(page, "a document")
    page.locator("#close").click()
    ask(page, "When is a refund paid?", "papers")
    page.locator(".turn:last-child .under > .chip").first.click()
    page.locator("#side .card-head").first.click()
    expect(page.locator(".boxes .main")).to_have_count(1)
    check_access(page, "a page of a PDF")
    page.locator("#close").click()
    ask(page, ASKED[1], "faq")
    expect(page.locator(".neighbours .chip").first).to_be_visible()
    if page.locator("#close").is_visible():
        page.locator("#close").click()
    ask(page, "zzzz qqqq\n" * 12, "tables")
    check_access(page, "a refusal, after questions beside an answer")
    page.locator("#about").click()
    expect(page.locator("#side .card")).to_have_count(2)
    check_access(page, "all documents")
    page.evaluate("document.querySelector('#key').showModal()")
    check_access(page, "the key")


@pytest.mark.parametrize("path", ["/", "/inbox", "/admin"])
def test_a_page_weighs_little(page, path):
    """All that it loads with it: files as they are, as the server sends them."""
    sizes: dict[str, int] = {}

    def weigh(response: Response) -> None:
        if "/v1/" not in response.url:
            sizes[response.url] = len(response.body())

    page.route("**/*", lambda route: route.continue_())  # so the browser's cache counts for nothing
    page.on("response", weigh)
    page.goto(page.url.partition("#")[0].rstrip("/") + path)
    page.wait_for_load_state("networkidle")
    assert len(sizes) > 5
    assert sum(sizes.values()) <= HEAVIEST_PAGE, sizes


def test_a_link_of_a_chat_opens_the_cited_place(page, address):
    page.goto(f"{address}/#d=tables/codes.md;1;83-118")
    page.reload()
    expect(page.locator("#side")).to_contain_text("E31")
    expect(page.locator("#side mark.main").first).to_be_visible()
    for gone in ("#d=tables/codes.md;99;83-118", "#d=tables/codes.md;1;0-0"):
        page.goto(f"{address}/{gone}")
        expect(page.locator("#side")).to_contain_text("E31")
    page.goto(f"{address}/#d=tables/none.md;1;0-5")
    expect(page.locator("#side .wait[role=alert]")).to_be_visible()
    page.goto(f"{address}/#d=tables/%E0;1;0-5")
    expect(page.locator("#side .wait[role=alert]")).to_be_visible()  # as it was: nothing is named
