"""Which unit is said: the asked row, tier, condition, product, version; and nothing beside it.

The documents are read and cut as an ingest does. Units are scored by the words that they and the
lines above them share with the question, so that each rule here stands for itself.
"""

from functools import cache

import pytest

from indexes.chunk import Passage
from indexes.embedding.embedder import EmbedOptions, open_tokenizer
from indexes.text.tokens import drop_stopwords, tokenize_text
from ingest.parse.registry import parse_document
from ingest.split import SplitOptions, split_document
from ragdesk.answering.reading.answer_units import split_units
from ragdesk.answering.reading.question_form import read_form
from ragdesk.answering.reading.unit_choice import choose_units
from ragdesk.answering.reading.unit_scores import ScoredUnit
from ragdesk.answering.retrieval.question_analysis import analyze_question

POOL = """# Swimming hall

## Tariff

| Visitors | Weekday | Weekend |
|---|---|---|
| Adults | 6.00 | 8.00 |
| Children | 3.00 | 4.00 |
| Seniors | 4.50 | 6.50 |

## Groups

| Swimmers | Discount |
|---|---|
| 2 to 7 | 5 % |
| 8 to 15 | 12 % |
| 16 to 30 | 20 % |

## Rules

Fins and goggles may be taken into the water. Glass bottles and radios may not be taken into the water.

The sauna opens at 10:00 for members. The sauna opens at 14:00 for guests.

The hall has a café. It sells cold drinks only.

## Lost keys

A lost locker key costs 15 EUR. Please report it at the desk.

## Courses

We give these courses:

- Crawl
- Diving
- Aqua fitness
- Life saving
"""
PLANS = """# Phone plans

## Silver

The Silver plan has 5 GB of data and roaming in Europe.

## Gold

The Gold plan has 50 GB of data and a second card.

## Billing

All plans are billed on the first day of a month.
"""
STEPS = """# Mail app

## On a phone

To sign out on a phone, tap the gear and choose Leave.

## On a laptop

To sign out on a laptop, open the menu and choose Leave.
"""
POWER = """# Strombedarf

| Consumption per month | Price per kWh |
|---|---|
| 0 to 200 kWh | 0.31 EUR |
| over 200 kWh | 0.28 EUR |
"""
LIBRARY = """# 借阅规定

## 期限

| 读者 | 可借册数 | 期限 |
|---|---|---|
| 学生 | 10 册 | 30 天 |
| 教师 | 20 册 | 90 天 |
| 校外读者 | 3 册 | 14 天 |

## 座位

本科生可以使用三楼座位。本科生不得使用四楼座位。

## 停车

停车两小时以内免费。停车超过两小时每小时收费四元。

## 证件

补办借阅证收费十元。补办校园卡收费二十元。
"""


@cache
def tokenizer(folder):
    return open_tokenizer(EmbedOptions(), folder)


@pytest.fixture(scope="module")
def ask(tmp_path_factory):
    """Return the texts that are said to a question about some documents, and the choice itself."""
    folder = tmp_path_factory.mktemp("models")

    def read(question, documents, named_instead=None):
        analysis = analyze_question(question)
        weights = dict.fromkeys(analysis.content_words, 1 / (len(analysis.content_words) or 1))
        scored = []
        for uri, body in documents.items():
            document = parse_document(body.encode(), uri)
            chunks = split_document(
                document,
                uri=uri,
                record_id=uri,
                tokenizer=tokenizer(folder),
                options=SplitOptions(),
            )
            for chunk in chunks:
                passage = Passage(chunk=chunk, score=0.5)
                for unit in split_units(passage, 0, document.text):
                    words = set(drop_stopwords(tokenize_text(f"{unit.core} {unit.text}")))
                    lead = set(tokenize_text(f"{unit.lead} {' '.join(unit.columns)}"))
                    worth = sum(
                        weight * (1.0 if word in words else 0.5 if word in lead else 0.0)
                        for word, weight in weights.items()
                    )
                    scored.append(ScoredUnit(unit, worth, len(scored)))
        choice = choose_units(
            read_form(analysis), scored, weights, named_instead=named_instead or {}
        )
        return [" ".join(unit.core for unit in group) for group in choice.groups], choice

    return read


@pytest.mark.parametrize(
    ("question", "text", "wanted", "unwanted"),
    [
        ("What do children pay at the weekend?", POOL, ["Children"], ["Adults", "Seniors"]),
        ("We are a party of 14 swimmers, which discount?", POOL, ["12 %"], ["5 %", "20 %"]),
        ("What may not be taken into the water?", POOL, ["Glass"], ["Fins"]),
        ("What may be taken into the water?", POOL, ["Fins"], ["Glass"]),
        ("When does the sauna open for guests?", POOL, ["14:00"], ["10:00"]),
        ("What does a lost locker key cost?", POOL, ["15 EUR"], ["report", "café"]),
        ("What does the café sell?", POOL, ["cold drinks"], ["locker"]),
        ("How do I sign out on a laptop?", STEPS, ["menu"], ["gear"]),
        ("Price per kWh if we use 210 kWh a month?", POWER, ["0.28"], ["0.31"]),
        ("Price per kWh if we use 150 kWh a month?", POWER, ["0.31"], ["0.28"]),
        ("教师可以借多少册？", LIBRARY, ["20 册"], ["10 册", "3 册"]),
        ("校外读者的期限是多久？", LIBRARY, ["14 天"], ["30 天"]),
        ("本科生不得使用几楼座位？", LIBRARY, ["四楼"], ["三楼"]),
        ("停车3小时怎么收费？", LIBRARY, ["四元"], ["免费"]),
        ("补办校园卡收费多少？", LIBRARY, ["二十元"], ["收费十元"]),
        ("Which plan has roaming, Silver or Gold?", PLANS, ["Silver plan"], ["Gold plan"]),
        ("Which courses are there?", POOL, ["Crawl", "Life saving"], ["café"]),
    ],
)
def test_what_is_asked_is_said_and_its_neighbours_are_not(ask, question, text, wanted, unwanted):
    texts, _ = ask(question, {"a.md": text})
    said = "\n".join(texts)
    assert [word for word in wanted if word not in said] == []
    assert [word for word in unwanted if word in said] == []


def test_of_a_comparison_both_sides_are_said(ask):
    texts, _ = ask("What is the difference between Silver and Gold?", {"a.md": PLANS})
    assert len(texts) == 2
    assert "5 GB" in texts[0]
    assert "50 GB" in texts[1]


def test_the_items_of_a_list_are_counted(ask):
    texts, choice = ask("How many courses do you give?", {"a.md": POOL})
    assert choice.items == 4
    assert "Aqua fitness" in texts[0]


def test_a_sentence_is_said_with_the_one_it_leans_on(ask):
    _, choice = ask("What cold drinks are sold?", {"a.md": POOL})
    assert [unit.core for unit in choice.groups[0]] == [
        "The hall has a café.",
        "It sells cold drinks only.",
    ]


def test_where_no_tier_holds_the_number_none_is_said(ask):
    texts, _ = ask("Which discount do 45 swimmers get?", {"a.md": POOL})
    assert "%" not in "\n".join(texts)


CODES = (
    "# Codes\n\n- K-31: the belt slips.\n- K-32: the door is open.\n- K-33: the filter is full.\n"
)
PUMPS = {f"pumps/Pump QF-{n}.md": f"# Guide\n\nThe tank holds {n + 2} litres.\n" for n in (3, 4, 5)}


@pytest.mark.parametrize("question", ["What does K-32 mean?", "display says k32", "error K 32"])
def test_a_code_brings_its_own_line_and_no_other(ask, question):
    texts, _ = ask(question, {"codes.md": CODES})
    assert texts == ["- K-32: the door is open."]


def test_a_product_that_only_the_file_is_named_by_excludes_its_siblings(ask):
    texts, _ = ask("How many litres does the tank of the QF-4 hold?", PUMPS)
    assert texts == ["The tank holds 6 litres."]


def test_siblings_that_retrieval_put_back_are_excluded(ask):
    documents = {
        "plans/pro.md": "# Plans\n\nA site has nine users.\n",
        "plans/free.md": "# Plans\n\nA site has two users.\n",
    }
    texts, _ = ask("Users of a site?", documents, {"plans/free.md": "plans/pro.md"})
    assert texts == ["A site has nine users."]


def test_the_newest_version_is_said_with_its_date(ask):
    documents = {
        f"fees-{year}.md": f"# Fees {year}\n\nA copy costs {year - 2000} cents.\n"
        for year in (2024, 2026, 2025)
    }
    texts, choice = ask("What does a copy cost?", documents)
    assert texts == ["A copy costs 26 cents."]
    assert choice.version == "2026"
    texts, _ = ask("What did a copy cost in 2024?", documents)
    assert texts == ["A copy costs 24 cents."]


def test_documents_that_contradict_each_other_are_both_said(ask):
    documents = {
        "desk.md": "# Desk\n\nA locker key must be returned within 3 days.\n",
        "hall.md": "# Hall\n\nA locker key must be returned within 8 days.\n",
    }
    texts, choice = ask("Within how many days must a locker key be returned?", documents)
    assert choice.differ
    assert sorted(texts) == [
        "A locker key must be returned within 3 days.",
        "A locker key must be returned within 8 days.",
    ]


def test_copies_of_a_sentence_are_said_once(ask):
    body = "# Rules\n\nDogs wait outside.\n"
    texts, choice = ask("Where do dogs wait?", {"a.md": body, "b.md": body})
    assert texts == ["Dogs wait outside."]
    assert not choice.differ


def test_a_line_that_only_names_the_code_gives_way_to_what_is_said_of_it(ask):
    documents = {
        "parts.md": "# Parts\n\nPart BK-20. Leather seat for the Tourer, with bolts, 48 EUR.\n"
    }
    texts, _ = ask("What does BK-20 cost?", documents)
    assert texts == ["Leather seat for the Tourer, with bolts, 48 EUR."]


def test_two_products_with_values_of_their_own_do_not_contradict_each_other(ask):
    _, choice = ask("How many litres does the tank hold?", PUMPS)
    assert not choice.differ


ZONES = """# Zones

| Zone | Town | Fee |
|---|---|---|
| North | Arden | 4 |
| North | Brill | 5 |
| South | Corby | 7 |
| North | Dale | 6 |
"""


def test_all_rows_of_the_group_that_is_asked_for_are_said(ask):
    texts, _ = ask("Which towns are in the North zone?", {"zones.md": ZONES})
    said = "\n".join(texts)
    assert all(town in said for town in ("Arden", "Brill", "Dale"))
    assert "Corby" not in said


BYLAWS = """# Bylaws

## Annex B: Boats

Boats are moored at the east pier. Masts are laid down at night. Fuel is kept ashore.

## Annex C: Nets

Nets are dried on the racks as Annex B allows for boats.
"""


def test_a_part_is_said_whole_and_what_only_mentions_it_is_not(ask):
    texts, _ = ask("What does Annex B say about boats?", {"bylaws.md": BYLAWS})
    said = "\n".join(texts)
    assert all(words in said for words in ("east pier", "laid down", "kept ashore"))
    assert "racks" not in said


BOATS = "# Used boats handed back\n\nRowing boats that are dry can be handed back. {second}\n"


@pytest.mark.parametrize(
    ("second", "count"),
    [
        ("Boat covers are excluded for hygiene.", 1),  # a no beside a yes answers neither
        ("Boat covers come with them.", 2),
    ],
)
def test_a_sentence_that_says_the_opposite_is_not_joined(ask, second, count):
    _, choice = ask("Can used boat covers be handed back?", {"a.md": BOATS.format(second=second)})
    (group,) = choice.groups
    assert len(group) == count
