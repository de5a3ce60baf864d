"""Gaps and figures on the administrator's page, in Chromium: a gap approved, and then answered."""

import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect
from server_process import served
from web_home import publish

from ragdesk.support.conversations.conversation import ConversationTurn, Feedback
from ragdesk.support.conversations.conversation_store import ConversationStore
from ragdesk.support.conversations.feedback_store import FeedbackStore
from ragdesk.support.key_store import KeyStore

pytestmark = pytest.mark.real

QUESTION = "Do you ship parcels to Malta?"
ANSWER = "Yes, we ship parcels to Malta within five working days."
DAY = 86_400
FAULTS_ABOVE_MINOR = {"moderate", "serious", "critical"}
TICKETS = f"question,answer\nMay I pay in instalments?,Yes; three instalments without interest.\n{QUESTION},ok\n"
DROP = """([name, text]) => {
  const files = new DataTransfer();
  files.items.add(new File([text], name, { type: "text/csv" }));
  const zone = document.querySelector(".drop");
  for (const type of ["dragover", "drop"]) {
    zone.dispatchEvent(new DragEvent(type, { dataTransfer: files, bubbles: true, cancelable: true }));
  }
}"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Make a home with a month of conversations: Malta asked in vain more and more."""
    publish(tmp_path, "default", {"refunds.md": "# Refunds\nRefunds take 5 working days.\n"})
    with closing(KeyStore(tmp_path)) as keys:
        store, feedback = ConversationStore(keys.database), FeedbackStore(keys.database)
        for number in range(60):
            is_miss = number % 3 == 0
            person = f"visitor:a:{number}"
            turn = ConversationTurn(
                id=f"turn-{number}",
                conversation=store.create(person, "default").id,
                collection="default",
                question=QUESTION if is_miss else "How long does a refund take?",
                answer={"text": "…", "citations": [], "sources": []},
                outcome="not_found" if is_miss else "answered",
                reason="no_passage" if is_miss else None,
                language="en",
                seconds=0.2 + number / 100,
                created=(int(time.time()) - DAY * (60 - number) // 3) * 1000,
                intent="international_shipping" if is_miss else "refund_status",
                sentiment=("negative", "neutral", "positive", "neutral")[number % 4],
                in_scope=float(number % 10 != 1),
            )
            store.append_turn(turn)
            if number % 15 == 1:
                verdict = Feedback(
                    id="", turn=turn.id, person=person, role="customer", verdict="down"
                )
                feedback.put(verdict)
    return tmp_path


@pytest.fixture
def page(browser: Browser, home: Path, request: pytest.FixtureRequest) -> Iterator[Page]:
    more = getattr(request, "param", {})
    with served(home) as (port, _):
        context = browser.new_context(
            **{"locale": "en-US", "viewport": {"width": 1280, "height": 800}, **more},
            base_url=f"http://127.0.0.1:{port}",
        )
        page = context.new_page()
        wrong: list[str] = []
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda line: wrong.append(line.text) if line.type == "error" else None)
        yield page
        context.close()
    assert wrong == []


def test_a_gap_is_drafted_approved_and_answers(page):
    page.goto("/admin#gaps")
    gap = page.locator(".gap-card", has_text="Malta")
    expect(gap.locator(".facts")).to_contain_text("20 questions by 20 people", timeout=20_000)
    gap.get_by_role("button", name="Draft an entry").click()
    draft = page.locator(".draft")
    expect(draft.get_by_label("Question", exact=True)).to_be_focused()
    draft.get_by_label("Answer").fill(ANSWER)
    draft.get_by_label("Similar questions").fill("Is Malta served?")
    draft.get_by_role("button", name="Approve").click()
    expect(page.locator("#heard")).to_contain_text("It answers now", timeout=20_000)
    entry = page.locator(".grid tbody tr", has_text="Malta")
    expect(entry).to_be_visible()
    expect(gap).to_have_count(0)  # until it is asked in vain again

    page.goto("/")
    page.locator("#question").fill(QUESTION)
    page.keyboard.press("Enter")
    expect(page.locator(".reply .words")).to_contain_text(
        "within five working days", timeout=20_000
    )


def test_a_correction_and_past_tickets_wait_as_drafts(page):
    page.goto("/admin#gaps")
    expect(page.locator(".gap-card").first).to_be_visible(timeout=20_000)
    page.evaluate(DROP, ["tickets.csv", TICKETS])
    expect(page.locator(".upload .notice.good")).to_contain_text("1 draft of 2 tickets")
    expect(page.locator(".draft")).to_contain_text("from past tickets")
    card = page.locator(".gap-card", has_text="Malta")
    card.locator("summary").click()
    card.get_by_role("button", name="Say what is right").first.click()
    card.get_by_label("What is right", exact=True).fill(ANSWER)
    card.get_by_role("button", name="Draft it").click()
    expect(page.locator(".draft", has_text="correction")).to_be_visible()
    ticket = page.locator(".draft", has_text="from past tickets")
    ticket.get_by_role("button", name="Reject").click()
    ticket.get_by_label("Why").fill("twice")
    ticket.get_by_role("button", name="Reject").click()
    expect(page.locator(".draft")).to_have_count(1)


@pytest.mark.parametrize(
    "page",
    [{}, {"color_scheme": "dark", "locale": "zh-CN", "viewport": {"width": 390, "height": 844}}],
    indirect=True,
)
def test_figures_and_gaps_are_read_without_colour_or_sight(page, tmp_path):
    faults = []
    for name, place in (("gaps", ".gap-card"), ("insight", ".plot-box")):
        page.goto(f"/admin#{name}")
        page.reload()
        expect(page.locator(place).first).to_be_visible(timeout=20_000)
        size = page.viewport_size or {"width": 1280}
        page.set_viewport_size({**size, "height": 2_600})  # the room scrolls, not the page
        page.screenshot(path=tmp_path / f"{name}.png", full_page=True)
        for element in page.locator(".room").all():
            assert element.evaluate("node => node.scrollWidth <= node.clientWidth + 1"), name
        results = Axe().run(page).response["violations"]
        faults += [
            (name, fault["id"], fault["nodes"][0]["html"][:200])
            for fault in results
            if fault["impact"] in FAULTS_ABOVE_MINOR
        ]
    assert faults == []
    fills = (
        page.locator(".plot")
        .first.locator("rect.bar-part")
        .evaluate_all("nodes => [...new Set(nodes.map((node) => node.getAttribute('fill')))]")
    )
    assert len(fills) == 2  # answered and not found, each of its pattern
    page.locator(".plot-box summary").first.click()
    numbers = page.locator(".plot-box").first.locator("td").all_inner_texts()
    assert sum(int(number) for number in numbers) == 60
