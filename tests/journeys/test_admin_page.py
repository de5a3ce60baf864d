"""The administrator's page as a person meets it, in Chromium."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect
from server_process import served
from web_home import publish

from eval.case import read_case_lines
from ragdesk.kept_cases import CASES_FILE
from ragdesk.support.key_store import KeyStore

pytestmark = pytest.mark.real

REFUNDS = "# Refunds\nA refund reaches your bank account within 5 working days.\n"
TEA = "# Tea\n\nTea is served at four o'clock in the winter garden.\n"
DROP = """([name, text]) => {
  const files = new DataTransfer();
  files.items.add(new File([text], name, { type: "text/markdown" }));
  const zone = document.querySelector(".drop");
  for (const type of ["dragover", "drop"]) {
    zone.dispatchEvent(new DragEvent(type, { dataTransfer: files, bubbles: true, cancelable: true }));
  }
}"""
SECTIONS = (
    "documents",
    "test",
    "jobs",
    "generations",
    "gaps",
    "insight",
    "keys",
    "audit",
    "settings",
    "health",
)
FAULTS_ABOVE_MINOR = {"moderate", "serious", "critical"}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    publish(tmp_path, "default", {"refunds.md": REFUNDS.replace("5 working days", "three years")})
    publish(tmp_path, "default", {"refunds.md": REFUNDS})
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
        page.goto("/admin")
        expect(page.locator("h1")).not_to_be_empty()
        yield page
        context.close()
    assert [line for line in wrong if "401" not in line] == []


def open_section(page: Page, name: str) -> None:
    page.locator(f"#rooms [data-name={name}]").click()
    expect(page.locator(f".section.{name}")).to_be_visible()


def test_a_document_is_dropped_and_answers_in_the_chat(page):
    page.locator(".drop").wait_for()
    page.evaluate(DROP, ["tea.md", TEA])

    expect(page.locator(".uploads .done")).to_contain_text("it answers now", timeout=20_000)
    row = page.locator(".grid tbody tr", has_text="tea.md")
    expect(row).to_contain_text("Answers")
    row.locator("a.name").click()
    expect(page.locator(".chunk-text").first).to_contain_text("winter garden")
    expect(page.locator(".chunk .facts").first).to_contain_text("vector")

    page.goto("/")
    page.locator("#question").fill("When is tea served?")
    page.keyboard.press("Enter")
    expect(page.locator(".reply .words")).to_contain_text("four o'clock", timeout=20_000)

    page.goto("/admin#jobs")
    expect(page.locator(".section.jobs")).to_contain_text("Done")
    page.goto("/admin#documents")
    page.get_by_role("button", name="Remove Tea").click()
    page.locator("#ask .danger").click()
    expect(page.locator(".grid tbody tr", has_text="tea.md")).to_have_count(0, timeout=20_000)


def test_documents_are_found_while_one_types(page):
    page.get_by_label("Search").fill("nothing like this")
    expect(page.locator(".nothing")).to_be_visible()
    page.get_by_label("Search").fill("refund")
    expect(page.locator(".grid tbody tr")).to_have_count(1)


def test_the_first_key_is_made_used_and_another_revoked(page, home):
    open_section(page, "keys")
    page.locator("[name=name]").fill("me")
    page.get_by_role("button", name="Make key", exact=True).click()
    token = page.locator(".token")
    expect(token).to_be_visible()
    mine = token.input_value()
    page.reload()
    expect(page.locator(".grid tbody tr").first).to_contain_text("me · yours")  # a session stands
    assert mine not in page.content()
    assert page.evaluate("sessionStorage.getItem('ragdesk.key') || ''") == ""

    page.locator("[name=name]").fill("agents")
    page.locator("[name=role]").select_option("agent")
    page.get_by_role("button", name="Make key", exact=True).click()
    expect(page.locator(".token")).to_be_visible()
    page.get_by_role("button", name="Revoke agents").click()
    page.locator("#ask .danger").click()
    expect(page.locator(".grid tbody tr", has_text="agents")).to_contain_text("Revoked")

    page.get_by_role("button", name="Revoke me").click()
    expect(page.locator("#ask .danger")).to_be_disabled()  # an own key is named twice
    page.locator("#ask .quiet").click()

    page.locator("#change-key").click()
    page.locator("#key-value").fill("rd_wrong")
    page.keyboard.press("Enter")
    expect(page.locator("#key-wrong")).to_be_visible()
    page.locator("#key-value").fill(mine)
    page.keyboard.press("Enter")
    expect(page.locator("#key")).to_be_hidden()
    expect(page.locator(".section.keys .grid").first).to_be_visible()


def test_an_editor_sees_what_they_may(page, home):
    keys = KeyStore(home)
    _, token = keys.create("editor", scopes=["ask", "write", "agent", "edit"])
    keys.close()
    page.reload()
    page.locator("#key-value").fill(token)
    page.keyboard.press("Enter")
    expect(page.locator("#rooms a")).to_have_text(["Documents", "Jobs", "Gaps", "Insight"])
    page.goto("/admin#keys")
    expect(page.locator(".notice.bad")).to_contain_text("may not")


def test_a_question_is_tried_and_kept_as_a_case(page, home):
    open_section(page, "test")
    page.get_by_label("Question").fill("When does a refund reach my bank account?")
    page.keyboard.press("Enter")
    first = page.locator(".passage").first
    expect(first).to_contain_text("5 working days", timeout=20_000)
    expect(first.locator(".scores")).to_contain_text("Vectors")
    expect(page.locator(".answered")).to_contain_text("Answered")
    expect(first.locator("[name=evidence]")).to_be_checked()
    page.get_by_role("button", name="Keep", exact=True).click()
    expect(page.locator(".kept")).to_contain_text("Kept cases (1)")
    (case,) = read_case_lines(home / "collections" / "default" / CASES_FILE)
    assert case.evidence[0].quote in REFUNDS


def test_a_generation_is_compared_verified_and_rolled_back(page):
    open_section(page, "generations")
    page.get_by_role("button", name="Compare").click()
    expect(page.locator(".result")).to_contain_text("1 changed")
    page.get_by_role("button", name="Verify files").click()
    expect(page.locator(".notice.good")).to_contain_text("as it was written", timeout=20_000)
    page.get_by_role("button", name="Roll back to generation 1").click()
    page.locator("#ask input").fill("default")
    page.locator("#ask .danger").click()
    expect(page.locator(".notice.good")).to_contain_text("Generation 1 answers", timeout=20_000)
    page.goto("/")
    page.locator("#question").fill("When does a refund reach my bank account?")
    page.keyboard.press("Enter")
    expect(page.locator(".reply .words")).to_contain_text("three years", timeout=20_000)


@pytest.mark.parametrize(
    "page",
    [
        {},
        {"locale": "zh-CN", "viewport": {"width": 360, "height": 740}, "color_scheme": "dark"},
    ],
    indirect=True,
    ids=["wide", "phone"],
)
def test_every_section_is_accessible_and_fits_its_window(page):
    for name in SECTIONS:
        open_section(page, name)
        expect(page.locator(f".section.{name} > *").first).to_be_visible()
        page.wait_for_load_state("networkidle")
        violations = Axe().run(page).response["violations"]
        faults = [one["id"] for one in violations if one["impact"] in FAULTS_ABOVE_MINOR]
        assert faults == [], name
        assert page.evaluate(
            "['.room', 'html'].every((name) => {"
            "const node = document.querySelector(name); return node.scrollWidth <= node.clientWidth })"
        ), name


def test_the_first_document_of_an_empty_home_makes_its_collection(browser, tmp_path):
    with served(tmp_path) as (port, _):
        page = browser.new_page()
        page.goto(f"http://127.0.0.1:{port}/admin")
        expect(page.locator(".nothing")).to_contain_text("no documents yet")
        page.locator(".drop").wait_for()
        page.evaluate(DROP, ["tea.md", TEA])
        expect(page.locator(".grid tbody tr")).to_contain_text("tea.md", timeout=20_000)
        page.close()
