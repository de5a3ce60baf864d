"""The page of a report: whole, escaped, and asking the network for nothing."""

import re
from dataclasses import replace

import pytest
from playwright.sync_api import sync_playwright
from seeded_run import cases, documents, trials

from eval import case as cases_
from eval import evidence, run_folder, trial
from eval.release import release_run

HELD = documents()
ASKED = list(cases(HELD))
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(1)>"


@pytest.fixture
def page(tmp_path):
    asked = [replace(ASKED[0], question=HOSTILE), *ASKED[1:]]
    held = trials(HELD, asked)
    first = held[asked[1].id]
    claims = [{"text": HOSTILE, "citations": [1]}]
    passages = [{**first.reply["passages"][0], "text": HOSTILE}, *first.reply["passages"][1:]]
    reply = {**first.reply, "text": HOSTILE, "claims": claims, "outcome": "answered"}
    held[asked[1].id] = replace(first, reply={**reply, "passages": passages})
    cases_.write_case_lines(tmp_path / run_folder.CASES, asked)
    run_folder.write_json(
        tmp_path / run_folder.RUN, {"format": 1, "target": {"name": "x"}, "begun": "-"}
    )
    run_folder.write_located(tmp_path, {c.id: evidence.locate_evidence(c, HELD.get) for c in asked})
    lines = [trial.trial_as_line(one) for one in held.values()]
    (tmp_path / trial.TRIALS).write_text("".join(lines), encoding="utf-8")
    release_run(tmp_path)
    return tmp_path / "report.html"


def test_it_shows_every_case_and_runs_no_word_of_a_document(page):
    text = page.read_text(encoding="utf-8")
    for case in ASKED:
        assert f'id="{case.id}"' in text
    assert "<img src=x" not in text
    assert text.count("<script>") == 1
    assert "&lt;script&gt;alert(1)" in text


def test_it_asks_the_network_for_nothing(page):
    text = page.read_text(encoding="utf-8")
    assert "default-src 'none'" in text
    assert not re.search(r"(?:src|href)=[\"']?(?:https?:)?//", text)


@pytest.mark.real
def test_a_browser_draws_it_without_an_error(page):
    with sync_playwright() as run:
        browser = run.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        tab = browser.new_page(viewport={"width": 390, "height": 800})
        said = []
        tab.on("console", lambda message: said.append(message.text))
        tab.on("pageerror", lambda error: said.append(str(error)))
        tab.goto(f"{page.as_uri()}#{ASKED[5].id}")
        assert tab.locator(".plots svg").count() == 3
        assert tab.locator(f"#{ASKED[5].id}").get_attribute("open") is not None
        assert tab.evaluate("document.documentElement.scrollWidth") <= 390
        tab.select_option("#kind", "wrong")
        shown = tab.locator(".case:visible").count()
        assert tab.locator("#count").inner_text() == f"{shown} of {len(ASKED)}"
        assert said == []
        browser.close()
