"""Parts of a document that a question names by their number are the answer, and no other part."""

import asyncio

import pytest
from fakes import HashEmbedder, document, publish

from indexes.index import Index
from ragdesk.answering.answer import AnswerReason, Outcome, Question
from ragdesk.answering.desk import Desk
from ragdesk.answering.reading.section_labels import find_section_labels, read_leading_label
from ragdesk.answering.retrieval.retriever import Retriever

TEXTS = {
    "lease.md": (
        "Lease",
        "Article 1 The rent is due in advance.\n\n"  # noqa: ISC004
        "Article 2 The tenant sweeps the stairs of the lease weekly.\n\n"
        "Article 3 Keys are returned in person.",
    ),
    "仓库制度.md": (
        "仓库制度",
        "第一条　为管好仓库，制定本仓库制度。\n\n第二条　仓库每日下班前上锁。\n\n第九条　贵重物品两人同行。",
    ),
    "orders.md": ("Orders", "Order QX4471-B was signed for on Monday by the porter."),
    "login.md": ("Log in", "If you cannot log in to your account any more, reset the password."),
    "Lathe LT-88.md": ("User guide", "Oil the spindle after forty hours of work."),
    "Lathe LT-90.md": ("User guide", "Oil the spindle after ninety hours of work."),
}


class QuestionlessEmbedder(HashEmbedder):
    """Embeds no question: the vectors of a hash say nothing of how near a passage is."""

    def embed_query(self, text: str) -> None:
        del text


@pytest.fixture(scope="module")
def ask(tmp_path_factory):
    embedder = QuestionlessEmbedder()
    collection = tmp_path_factory.mktemp("home") / "default"
    held = [document(uri, text, title=title) for uri, (title, text) in TEXTS.items()]
    publish(collection, *held, embedder=embedder)
    with Index.open(collection, card=embedder.card) as index:
        desk = Desk(retrieve=Retriever(index=index, embedder=embedder), collection="default")
        yield lambda text: asyncio.run(desk.ask(Question(text=text)))


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("What does article 2 of the lease say?", "sweeps the stairs"),
        ("仓库制度第2条的内容", "每日下班前上锁"),
        ("仓库制度第九条规定了什么？", "两人同行"),
    ],
)
def test_the_part_that_is_asked_for_is_quoted_and_no_other(ask, question, words):
    answer = ask(question)
    assert answer.outcome is Outcome.ANSWERED
    assert words in answer.text
    assert len(answer.claims) == 1


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("Section 4.2 and § 7", {("section", "4.2"), ("section", "7")}),
        ("附录B、附件十二", {("annex", "b"), ("annex", "12")}),
        ("Annex IV", {("annex", "4")}),
        ("a part of it, step by step; I took part in it", set()),
        ("小节目第一", set()),
    ],
)
def test_labels_are_told_from_plain_words(text, labels):
    assert find_section_labels(text) == labels


def test_a_text_is_called_by_what_it_begins_with():
    assert read_leading_label("## Chapter 3: Tools") == ("chapter", "3")
    assert read_leading_label("The tools of chapter 3") is None


def test_an_order_that_the_documents_hold_is_no_matter_of_an_account(ask):
    known = ask("When was my order QX4471-B signed for?")
    unknown = ask("When will my order QX9999-B arrive?")
    assert "Monday" in known.text
    assert unknown.reason is AnswerReason.NEEDS_ACCOUNT


def test_what_may_be_a_matter_of_an_account_is_answered_where_the_documents_do(ask):
    answer = ask("I cannot log in to my account any more")
    assert "reset the password" in answer.text
    assert ask("is mine on the truck yet").reason is AnswerReason.NEEDS_ACCOUNT


def test_a_product_that_only_a_file_s_name_holds_is_met(ask):
    assert "ninety" in ask("After how many hours do I oil the spindle of the LT-90?").text
