import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragdesk.support.conversations.conversation import ConversationTurn
from ragdesk.support.conversations.conversation_store import ConversationStore
from ragdesk.support.insight.alert_options import SurgeOptions
from ragdesk.support.insight.insight_report import DAY_SECONDS, build_insight_report
from ragdesk.support.insight.insight_turns import InsightTurn, read_insight_turns
from ragdesk.support.insight.intent_labels import IntentLabel, IntentLabelStore
from ragdesk.support.insight.intents import OUT_OF_SCOPE
from ragdesk.support.insight.surge import find_surges
from ragdesk.support.insight.surge_watch import SurgeWatch

NOW = 1_800_000_000
SINCE = NOW - 30 * DAY_SECONDS


def turn(conversation, *, days_ago=1.0, outcome="answered", **more):
    asked = int(NOW - days_ago * DAY_SECONDS)
    return InsightTurn(conversation=conversation, time=asked, outcome=outcome, **more)


def test_resolution_is_what_was_answered_not_disliked_not_handed_over_and_not_asked_again():
    turns = [
        turn("durable", days_ago=20, seconds=0.2),
        turn("returned", days_ago=20, seconds=0.4),
        turn("returned", days_ago=18),
        turn("disliked", days_ago=20, dislikes=1),
        turn("person", days_ago=20, outcome="handed_over", is_handed_over=True),
        turn("refused", days_ago=20, outcome="not_found", reason="no_passage"),
        turn("young", days_ago=1, seconds=0.9),
        turn("hello", days_ago=1, outcome="not_found", reason="greeting"),
    ]

    report = build_insight_report(sorted(turns, key=lambda t: t.time), SINCE, NOW)

    assert (report.conversations, report.resolved) == (6, 3)
    assert (report.durable, report.pending, report.handed_over) == (1, 1, 1)
    assert report.deflection == pytest.approx(5 / 6)
    assert report.outcomes == {"answered": 5, "handed_over": 1, "not_found": 1}
    assert (report.first_answer_p50, report.first_answer_p95) == (0.4, 0.9)


def test_every_day_of_the_period_stands_there():
    report = build_insight_report([turn("a", sentiment="negative")], SINCE, NOW)
    assert len(report.days) == 31
    assert sum(day.questions for day in report.days) == 1
    assert [day.sentiments for day in report.days if day.questions] == [{"negative": 1}]


def test_no_conversation_gives_no_share():
    report = build_insight_report([], SINCE, NOW)
    assert (report.deflection, report.first_answer_p50, report.intents) == (None, None, ())


@given(st.lists(st.tuples(st.integers(0, 9), st.sampled_from(["answered", "not_found"]))))
def test_outcomes_add_up(asked):
    turns = [turn(str(c), days_ago=5 - n / 100, outcome=o) for n, (c, o) in enumerate(asked)]
    report = build_insight_report(turns, SINCE, NOW)
    assert sum(report.outcomes.values()) == report.questions == len(asked)
    assert report.durable + report.pending <= report.resolved <= report.conversations


def history(share, count, *, start_day=20.0):
    """Spread questions over two weeks, a share of them refused."""
    refused = round(share * count)
    return [
        turn(
            f"h{n}",
            days_ago=start_day - n * 14 / count,
            outcome="not_found" if n < refused else "answered",
        )
        for n in range(count)
    ]


@pytest.mark.parametrize(
    ("refused", "answered", "wanted"),
    [(30, 10, ["refusals"]), (4, 36, []), (8, 0, []), (12, 88, [])],
)
def test_a_surge_is_told_from_the_usual(refused, answered, wanted):
    window = [turn(f"w{n}", days_ago=0.1, outcome="not_found") for n in range(refused)]
    window += [turn(f"v{n}", days_ago=0.1) for n in range(answered)]
    surges = find_surges([*history(0.1, 400), *window], NOW, SurgeOptions())
    assert [surge.kind for surge in surges] == wanted


def test_a_desk_without_a_history_raises_no_alarm():
    window = [
        turn(f"w{n}", days_ago=0.1, reason="complaint", outcome="not_found") for n in range(50)
    ]
    assert find_surges(window, NOW, SurgeOptions()) == ()
    calm = history(0.0, 300)
    assert {surge.kind for surge in find_surges([*calm, *window], NOW, SurgeOptions())} == {
        "refusals",
        "anger",
    }


def test_a_surge_is_reported_once(database):
    store = ConversationStore(database)
    conversation = store.create("visitor:a:1", "default")
    clock = [float(NOW)]
    watch = SurgeWatch(database, SurgeOptions(), now=lambda: clock[0])
    for number in range(60):
        refused = number >= 40
        store.append_turn(
            ConversationTurn(
                id=f"t{number}",
                conversation=conversation.id,
                collection="default",
                question="?",
                outcome="not_found" if refused else "answered",
                created=(NOW - (60 if refused else 5 * DAY_SECONDS)) * 1000,
            )
        )
    assert [surge.kind for surge in watch.find_new()] == ["refusals"]
    clock[0] += 600
    assert watch.find_new() == ()
    assert [surge.kind for surge in watch.list_surges()] == ["refusals"]


def test_turns_are_read_with_their_votes_and_without_their_texts(database):
    store = ConversationStore(database)
    conversation = store.create("visitor:a:1", "default")
    kept = ConversationTurn(
        id="t1",
        conversation=conversation.id,
        collection="default",
        question="Where is it?",
        answer={"text": "Here."},
        outcome="answered",
        language="en",
        seconds=0.25,
        created=(NOW - 60) * 1000,
    )
    store.append_turn(kept)
    (read,) = read_insight_turns(database, SINCE, ["default"])
    assert (read.conversation, read.time, read.seconds) == (conversation.id, NOW - 60, 0.25)
    assert read_insight_turns(database, SINCE, ["other"]) == []
    labels = IntentLabelStore(database)
    for intent, figures in (("invoice", ("invoice", False)), (OUT_OF_SCOPE, ("", True))):
        labels.put(IntentLabel(turn="t1", intent=intent, person="key:a", role="agent"))
        (read,) = read_insight_turns(database, SINCE, ["default"])
        assert (read.intent, read.is_out_of_scope) == figures
    assert read_insight_turns(database, NOW, None) == []
