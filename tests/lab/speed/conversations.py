"""Measure what kept conversations cost: to list, search and open them, and behind an answer.

    python -m tests.lab.speed.conversations --conversations 10000 [--postgresql] [--encrypt]

All conversations belong to one person, as on a desk without keys: no list is longer. Their words
are drawn by frequency, English and Chinese in turn; answers have three citations with what is kept
around them. The answer path is asked over HTTP, in one process, with the history sent along and
with a conversation in turn, a tenth of a second apart; the difference is what an asker waits longer.
"""

import argparse
import contextlib
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sqlalchemy import insert, text
from starlette.testclient import TestClient

from ragdesk.support.conversations.conversation import (
    Conversation,
    ConversationTurn,
    make_row_id,
)
from ragdesk.support.conversations.conversation_store import ConversationFilter, ConversationStore
from ragdesk.support.conversations.conversation_tables import CONVERSATIONS, TURN_WORDS, TURNS
from ragdesk.support.conversations.turn_words import TITLE_NUMBER, list_word_rows
from ragdesk.support.conversations.word_rewriting import follow_tokens_version
from ragdesk.support.database import Database
from ragdesk.support.encryption import TextCipher
from ragdesk.support.key_store import KeyStore
from tests.lab.results import write_section
from tests.postgresql_process import new_database, run_postgresql

TESTS = Path(__file__).parents[2]
TURNS_EACH = 8
AT_ONCE = 100  # conversations of one transaction
ROUNDS = 200
THINK_SECONDS = 0.1  # between two questions: the write behind the one before has ended
PERSON = "local"
MINE = ConversationFilter(person=PERSON)
HEAD = """| database | what | p50 ms | p95 ms | goal p95 |
|---|---|---|---|---|"""
HAN = [chr(code) for code in range(0x4E00, 0x4E00 + 1_500)]
ENGLISH = [f"{a}{b}" for a in ["b", "c", "d", "f", "g", "l", "m", "n", "p", "r", "s", "t", "v", "w"] for b in
           ["ada", "eri", "ilo", "onu", "ara", "emi", "ove", "ule", "ask", "end", "ing", "orn"]]  # fmt: skip
QUESTION = "When does a refund reach my account?"


def draw_text(dice: random.Random, words: int, *, chinese: bool) -> str:
    """Draw a text in which few words are frequent, as in any language."""
    source, join = (HAN, "") if chinese else (ENGLISH, " ")
    drawn = (source[min(int(dice.paretovariate(0.6)) - 1, len(source) - 1)] for _ in range(words))
    rare = f"{join}W{dice.randrange(20_000):05}" if not chinese else ""
    return join.join(drawn) + rare


def draw_answer(dice: random.Random, *, chinese: bool) -> dict[str, Any]:
    """Draw an answer as it is kept, with three citations and six sources."""
    long = 1_100 if chinese else 180
    document = {"source": "handbook", "digest": "0" * 64, "groups": []}
    citations = [
        {
            "number": n,
            "chunk": "0" * 32,
            "uri": f"folder/{n}.md",
            "title": f"Document {n}",
            "path": ["Part"],
            "page": None,
            "version": None,
            "start": 500,
            "end": 600,
            "quote": draw_text(dice, 15, chinese=chinese),
            "document": document,
            "context": {"start": 0, "text": draw_text(dice, long, chinese=chinese)},
        }
        for n in range(1, 4)
    ]
    sources = [
        {**{k: c[k] for k in ("chunk", "uri", "title", "path", "page", "document")}, "rank": n}
        for n, c in enumerate(citations * 2)
    ]
    claims = [
        {"text": c["quote"], "citations": [1], "support": 1.0, "verdict": "supported"}
        for c in citations
    ]
    said = " ".join(c["quote"] for c in citations)
    return {"text": said, "claims": claims, "citations": citations, "sources": sources}


def fill(store: ConversationStore, count: int) -> None:
    """Write conversations as the store does, many in a transaction."""
    dice = random.Random(15)  # noqa: S311, the same ones every time
    answers = [[draw_answer(dice, chinese=han) for _ in range(300)] for han in (False, True)]
    said = {
        id(answer): {
            row["word"] for row in list_word_rows((0, 1), (answer["text"], None), store.cipher)
        }
        for drawn in answers
        for answer in drawn
    }
    now = int(time.time())
    for start in range(0, count, AT_ONCE):
        talks: list[dict[str, Any]] = []
        turns: list[dict[str, Any]] = []
        words: list[dict[str, int]] = []
        for n in range(start, min(count, start + AT_ONCE)):
            chinese, at = n % 2 == 1, now - (count - n) * 60
            question = draw_text(dice, 12, chinese=chinese)
            made = Conversation(
                id=make_row_id(),
                row_key=(at * 1000 << 20) | n % 1000,
                person=PERSON,
                collection="default",
                title=question,
                language="zh" if chinese else "en",
                state="answering",
                origin="page",
                created=at,
                updated=at,
            )
            talks.append(store.conversation_row(made))
            words += list_word_rows((made.row_key, TITLE_NUMBER), (question, None), store.cipher)
            for turn in _draw_turns(made, dice, answers[chinese]):
                turns.append(store.turn_row(turn))
                place = (made.row_key, turn.number)
                asked = list_word_rows(place, (turn.question, None), store.cipher)
                hashes = said[id(turn.answer)] - {row["word"] for row in asked}
                words += asked
                words += [{**asked[0], "word": h, "number": -turn.number} for h in hashes]
        with store.database.write() as connection:
            for table, rows in ((CONVERSATIONS, talks), (TURNS, turns), (TURN_WORDS, words)):
                connection.execute(insert(table), rows)
        if start % 1_000 == 0:
            print(f"{start:,} of {count:,}", file=sys.stderr)


def _draw_turns(
    made: Conversation, dice: random.Random, answers: Sequence[dict[str, Any]]
) -> Iterator[ConversationTurn]:
    for number in range(1, TURNS_EACH + 1):
        yield ConversationTurn(
            id=make_row_id(),
            conversation=made.id,
            collection="default",
            number=number,
            question=draw_text(dice, 12, chinese=made.language == "zh"),
            answer=dice.choice(answers),
            outcome="answered",
            language=made.language,
            generation=1,
            generator="extractive",
            seconds=0.02,
            created=made.created * 1000,
        )


@dataclass(frozen=True, slots=True)
class Figure:
    """Milliseconds of some calls."""

    p50: float
    p95: float


def measure(call: Callable[[int], object], rounds: int = ROUNDS) -> Figure:
    """Time some calls, each with its number."""
    for n in range(5):
        call(n)
    taken = []
    for n in range(rounds):
        started = time.perf_counter()
        call(n)
        taken.append((time.perf_counter() - started) * 1000)
    return make_figure(taken)


def make_figure(taken: Sequence[float]) -> Figure:
    """Summarise milliseconds."""
    ordered = sorted(taken)
    return Figure(statistics.median(ordered), ordered[int(len(ordered) * 0.95)])


def measure_store(store: ConversationStore) -> Iterator[tuple[str, Figure]]:
    """Time lists, searches and openings, from anywhere among the conversations."""
    dice = random.Random(16)  # noqa: S311
    every = store.list_conversations(MINE, limit=100_000)
    places = [(c.updated, c.id) for c in every]

    def search(query: Callable[[], str]) -> Callable[[int], object]:
        return lambda _: store.list_conversations(replace(MINE, query=query()), limit=51)

    yield (
        "list 50",
        measure(lambda _: store.list_conversations(MINE, before=dice.choice(places), limit=51)),
    )
    yield "search, a frequent word", measure(search(lambda: dice.choice(ENGLISH[:20])))
    yield "search, 4 Han characters", measure(search(lambda: "".join(dice.sample(HAN[:60], 4))))
    yield "search, a rare word", measure(search(lambda: f"W{dice.randrange(20_000):05}"))
    yield "search, no such word", measure(search(lambda: f"none{dice.randrange(10_000)}"))
    yield (
        "search, two words",
        measure(search(lambda: f"{dice.choice(ENGLISH[:40])} {dice.choice(ENGLISH[:40])}")),
    )
    yield "open 8 turns", measure(lambda _: store.list_turns(dice.choice(every).id))


def measure_answers(client: TestClient) -> tuple[Figure, Figure]:
    """Time answers with the history sent along, and those of a conversation, in turn."""
    talk = client.post("/v1/conversations", json={}).json()["id"]
    for _ in range(6):
        answer = client.post("/v1/answers", json={"question": QUESTION, "conversation": talk})
    said = [
        {"role": "user", "text": QUESTION},
        {"role": "assistant", "text": answer.json()["text"]},
    ] * 6
    bodies = ({"question": QUESTION, "history": said}, {"question": QUESTION, "conversation": talk})
    taken: tuple[list[float], list[float]] = ([], [])
    for n in range(2 * ROUNDS):
        time.sleep(THINK_SECONDS)
        started = time.perf_counter()
        client.post("/v1/answers", json=bodies[n % 2]).raise_for_status()
        taken[n % 2].append((time.perf_counter() - started) * 1000)
    return make_figure(taken[0]), make_figure(taken[1])


def database_bytes(database: Database) -> int:
    """Return the bytes of a database on the disk."""
    with database.read() as connection:
        if database.is_shared:
            return int(
                connection.execute(text("SELECT pg_database_size(current_database())")).scalar()
                or 0
            )
        page = "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()"
        return int(connection.execute(text(page)).scalar() or 0)


def measure_database(home: Path, address: str | None, args: argparse.Namespace) -> list[str]:
    """Fill a database and measure it; gives the rows of the table."""
    cipher = TextCipher([bytes(32)] if args.encrypt else [])
    with closing(Database(home, address)) as database:
        name = "PostgreSQL" if database.is_shared else "SQLite"
        name += ", encrypted" if args.encrypt else ""
        store = ConversationStore(database, cipher)
        empty = database_bytes(database)
        follow_tokens_version(database, cipher)  # as a desk does when it first starts
        fill(store, args.conversations)
        if database.is_shared:
            with database.write() as connection:
                connection.execute(text("ANALYZE"))
        size = (database_bytes(database) - empty) / (args.conversations * TURNS_EACH)
        rows = [
            f"| {name} | {what} | {figure.p50:.1f} | {figure.p95:.1f} | 50 |"
            for what, figure in measure_store(store)
        ]
        sent, kept = _measure_app(home, database)
        more = kept.p50 - sent.p50
        rows.append(
            f"| {name} | answer: more than with the history sent | {more:.1f} | | 3 (p50) |"
        )
        rows.append(f"| {name} | answer, whole | {kept.p50:.1f} | {kept.p95:.1f} | |")
        rows.append(f"| {name} | bytes of a turn: {size:,.0f} | | | |")
    return rows


def _measure_app(home: Path, database: Database) -> tuple[Figure, Figure]:
    sys.path.append(str(TESTS))  # where the tests find each other
    from web_home import TEXTS, publish, serving

    publish(home, "default", TEXTS)
    keys = KeyStore(home, database)
    with serving(home, keys) as client:
        return measure_answers(client)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and write the section."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--conversations", type=int, default=10_000)
    parser.add_argument("--postgresql", action="store_true", help="on a server of its own, too")
    parser.add_argument("--encrypt", action="store_true", help="with an encryption key")
    parser.add_argument("--dry", action="store_true", help="write no section")
    args = parser.parse_args(arguments)
    with contextlib.ExitStack() as ending:
        folder = Path(ending.enter_context(tempfile.TemporaryDirectory()))
        rows = measure_database(folder / "sqlite", None, args)
        if args.postgresql:
            server = ending.enter_context(run_postgresql())
            address = ending.enter_context(new_database(server))
            rows += measure_database(folder / "postgresql", address, args)
    count = f"{args.conversations:,} conversations of {TURNS_EACH} turns, all of one person."
    body = "\n".join([count, "", HEAD, *rows])
    print(body)
    if not args.dry:
        given = " ".join(sys.argv[1:] if arguments is None else arguments)
        command = f"python -m tests.lab.speed.conversations {given}"
        heading = "Kept conversations, encrypted" if args.encrypt else "Kept conversations"
        write_section(heading, command.strip(), body)


if __name__ == "__main__":
    main()
