"""How long a person waits for the first word of an answer on the chat page, in Chromium.

    python -m tests.lab.speed.first_word --home HOME --questions FILE

Starts ``ragdesk serve`` on HOME, opens its page, and asks each question once in a conversation of
its own, after every third one was asked to warm the server. The time is the page's: from the
question sent to the first character of the answer that is drawn.
"""

import argparse
import shutil
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from tests.lab.results import write_section
from tests.lab.speed.serve import quantile, read, serving

ASK = """
async (question) => {
  const box = document.querySelector("#question");
  box.value = question;
  box.dispatchEvent(new Event("input", { bubbles: true }));
  const before = document.querySelectorAll(".reply").length;
  const started = performance.now();
  box.form.requestSubmit();
  return await new Promise((resolve) => {
    const look = () => {
      const replies = document.querySelectorAll(".reply");
      const words = replies.length > before && replies[replies.length - 1].querySelector(".words");
      if (words && words.textContent.trim()) {
        watcher.disconnect();
        resolve(performance.now() - started);
      }
    };
    const watcher = new MutationObserver(look);
    watcher.observe(document.body, { subtree: true, childList: true, characterData: true });
  });
}
"""


def ask_in_page(page: Page, base: str, question: str) -> float:
    """Ask on a fresh page; return the milliseconds until the first character is drawn."""
    page.goto(base)
    page.wait_for_selector("#question:not([disabled])")
    waited = float(page.evaluate(ASK, question))
    page.wait_for_selector(".reply:not([aria-busy=true])")
    return waited


def measure(home: Path, questions: list[str]) -> str:
    """Return the section's body."""
    program = shutil.which("chromium") or "/usr/bin/chromium"
    warm, asked = questions[::3], [q for n, q in enumerate(questions) if n % 3]
    with serving(home) as base, sync_playwright() as play:
        browser = play.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = browser.new_page(locale="en-GB")
        for question in warm:
            ask_in_page(page, base, question)
        first = [ask_in_page(page, base, question) for question in asked]
        again = [ask_in_page(page, base, question) for question in asked]
        browser.close()
    rows = [
        f"| {name} | {len(waits)} | {quantile(waits, 0.5):.0f} | {quantile(waits, 0.95):.0f} |"
        for name, waits in (("first time", first), ("again", again))
    ]
    head = "| asked | questions | first word p50 ms | p95 ms |"
    return "\n".join([head, "| --- | --- | --- | --- |", *rows])


def main() -> None:
    """Measure, and write the section "First word" of RESULTS.md."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--questions", type=Path, required=True)
    parser.add_argument("--dry", action="store_true", help="print, and leave RESULTS.md alone")
    options = parser.parse_args()
    body = measure(options.home, read(options.questions))
    print(body)
    if not options.dry:
        command = (
            f"python -m tests.lab.speed.first_word --home HOME --questions {options.questions.name}"
        )
        write_section("First word", command, body)


if __name__ == "__main__":
    main()
