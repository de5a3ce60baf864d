"""A small desk: a few documents in both languages, taken in through the real index."""

import asyncio
from dataclasses import replace

import pytest
from fakes import CARD, HashEmbedder

from indexes.build import Build
from indexes.chunk import Chunk, DocumentRecord
from indexes.index import Index
from ragdesk.answering.answer import Done, Question
from ragdesk.answering.desk import Desk
from ragdesk.answering.retrieval.retriever import Retriever

RETURNS = (
    "Unused articles can be sent back within 30 days of delivery. Opened software cannot be returned. "
    "It is exchanged when the disc is damaged."
)
SHIPPING = (
    "Parcels leave our warehouse in Lyon within two days. Shipping to Norway costs 12.50 euros."
)
STEPS = "Reset the kettle as follows:\n- Unplug it.\n- Hold the lid button for ten seconds.\n- Plug it in again."
REFUNDS_ZH = "退款在三天内到账。商品须在签收后七日内退回，运费由买家承担。会员可以延长到十五天。"
INVOICE_ZH = "发票在订单完成后一百八十天内可以补开。电子发票会发送到注册邮箱。"
ERRORS_LEAD = "Error codes\nCode | Meaning | What to do"
ERRORS = "Code | Meaning | What to do\nE07 | Bean hopper empty | Add beans\nE1047 | Pump blocked | Rinse the filter"
GIFTS = (
    "Q: Can a gift voucher be paid out in cash?\n\nA: No, never.\n\n"
    "Q: Who may redeem a gift voucher abroad?"
)
FAQ = "How do I change my password?\nOpen the account page and choose Security. Then type the new password twice."


def _one(
    uri: str, text: str, *, groups: frozenset[str] = frozenset(), **facts: object
) -> tuple[DocumentRecord, list[Chunk]]:
    known = {"title": uri.rpartition("/")[2].rpartition(".")[0], "language": "en"}
    known |= {k: v for k, v in facts.items() if k in known}
    record = DocumentRecord(
        id=uri,
        uri=uri,
        source="src",
        text=text,
        digest=uri,
        media_type="text/plain",
        groups=groups,
        **known,
    )
    chunk = Chunk(document=uri, uri=uri, text=text, start=0, end=len(text), **{**known, **facts})
    return record, [chunk]


def documents() -> list[tuple[DocumentRecord, list[Chunk]]]:
    errors, [table] = _one("errors.md", ERRORS, kind="table", lead="Error codes")
    rows = ERRORS.index("E1047")
    parts = [
        replace(table, text=ERRORS[: rows - 1], end=rows - 1),
        replace(table, text=ERRORS[rows:], start=rows, lead=ERRORS_LEAD),
    ]
    return [
        _one("policies/returns.md", RETURNS),
        _one("gifts.md", GIFTS),
        _one("policies/returns-copy.md", RETURNS),
        _one("policies/returns-old.md", RETURNS.replace("30", "14")),
        _one("policies/shipping.md", SHIPPING),
        _one("help/kettle.md", STEPS, title="Kettle"),
        _one("政策/退款.md", REFUNDS_ZH, language="zh"),
        _one("政策/发票.md", INVOICE_ZH, language="zh"),
        (errors, parts),
        _one("faq.csv", FAQ, kind="faq", question=(0, FAQ.index("\n"))),
        _one("secret.md", "The staff discount is 40 percent.", groups=frozenset({"staff"})),
    ]


@pytest.fixture(scope="session")
def embedder() -> HashEmbedder:
    """An embedder that, like packaged-english, reads no Chinese."""
    return HashEmbedder(card=replace(CARD, reads_cjk=False))


@pytest.fixture(scope="session")
def index(tmp_path_factory, embedder):
    collection = tmp_path_factory.mktemp("home") / "default"
    with Build(collection, embedder) as build:
        for record, chunks in documents():
            build.add(record, chunks)
        build.publish()
    with Index.open(collection, card=embedder.card) as opened:
        yield opened


@pytest.fixture(scope="session")
def retrieve(index, embedder) -> Retriever:
    return Retriever(index=index, embedder=embedder)


class _PassageEmbedder(HashEmbedder):
    """Embeds passages alone: a question goes by its words, as hashes mean nothing to ``decide``."""

    def embed_query(self, text: str) -> None:
        del text


@pytest.fixture(scope="session")
def desk(retrieve) -> Desk:
    by_words = replace(retrieve, embedder=_PassageEmbedder(card=retrieve.embedder.card))
    return Desk(retrieve=by_words, collection="default")


@pytest.fixture(scope="session")
def ask(desk):
    """Ask the desk, and hold every invariant of an answer while at it."""

    async def events(question: Question) -> list[object]:
        return [event async for event in desk.stream(question)]

    def answer(text: str, **facts: object):
        told = asyncio.run(events(Question(text=text, **facts)))
        assert isinstance(told[-1], Done)
        return told[-1].answer, told

    return answer
