"""What is hidden from an asker leaves no trace in an answer: not a score, not an outcome."""

import asyncio
from dataclasses import asdict

import pytest
from fakes import HashEmbedder, document, publish

from indexes.chunk import SearchFilter
from ragdesk.answering.answer import Question
from ragdesk.assemble import Workspace
from ragdesk.settings import Settings

OPEN = {
    "parts.md": "Parts for the Lyon works are ordered on Monday.\nThe store opens at nine.",
    "refunds.md": "A refund reaches a bank account within 5 working days.",
    "退款.md": "退款会在三个工作日内到账。\n里昂的零件每周一订购。",
}
HIDDEN = {
    f"plan-{n}.md": f"Layoffs in Lyon begin in month {n}.\n里昂工厂裁员计划第{n}期。\nParts, refund."
    for n in range(6)
}
STRANGER = SearchFilter(groups=frozenset({"guests"}))


def answers(home, texts, question):
    documents = [document(uri, text, groups=frozenset()) for uri, text in OPEN.items()]
    documents += [document(uri, text, groups=frozenset({"hr"})) for uri, text in texts.items()]
    publish(home / "collections/default", *documents)
    asked = Question(text=question, where=STRANGER, explain=True)
    with Workspace(home, Settings(), HashEmbedder()).open_collection("default") as opened:
        said = asdict(asyncio.run(opened.desk.ask(asked)))
    return {name: value for name, value in said.items() if name not in {"id", "seconds"}}


@pytest.mark.parametrize(
    "question",
    ["layoffs Lyon parts", "When do layoffs begin?", "refund", "里昂裁员计划", "month 3 parts"],
)
def test_an_answer_is_the_same_whether_hidden_documents_are_there_or_not(tmp_path, question):
    without = answers(tmp_path / "without", {}, question)
    assert answers(tmp_path / "with", HIDDEN, question) == without
