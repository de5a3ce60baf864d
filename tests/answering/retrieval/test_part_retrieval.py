"""What answers a part of a question stands among the passages that are shown."""

import random

from unit_desk import open_desk

THINGS = ("fee", "deposit", "locker", "towel", "sauna", "pool")
QUESTIONS = (
    (
        "What does the sauna cost, and when does the pool open, and what is the deposit for"
        " members, and how much is a towel for children?"
    ),
    "What is the fee for children in hall 3, and when does the locker open for members in hall 2?",
)


def write_house(number: int, draw: random.Random) -> str:
    lines = [
        f"The {draw.choice(THINGS)} {'costs' if n % 2 else 'opens at'} {draw.randint(3, 99)}"
        f" {'EUR' if n % 2 else 'h'} for {draw.choice(('guests', 'members', 'children'))}"
        f" in hall {n}."
        for n in range(5)
    ]
    return f"# House {number}\n\n" + "\n\n".join(lines)


def test_what_is_cited_is_among_the_passages(tmp_path):
    draw = random.Random(3)  # noqa: S311 - the same houses each time
    files = {f"d{n}.md": write_house(n, draw) for n in range(40)}
    with open_desk(tmp_path / "index", files) as ask:
        for question in QUESTIONS:
            answer = ask(question)
            assert answer.citations
            shown = {passage.chunk for passage in answer.passages}
            assert {mark.chunk for mark in answer.citations} <= shown
