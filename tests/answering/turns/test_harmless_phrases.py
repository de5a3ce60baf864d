"""A word of an accident in a phrase that means none calls nobody; the accident itself still does."""

import pytest

from ragdesk.answering.turns.turn_kind import TurnKind
from ragdesk.answering.turns.turn_recognition import recognise_turn


@pytest.mark.parametrize(
    "text",
    [
        "we had a power cut last night and now it says E52",
        "Is there a price cut before Christmas?",
        "it burns the coffee, tastes bitter",
        "The espresso is a bit burnt, which grind do I need?",
        "咖啡有焦味怎么办",
        "豆子烘焙得有点焦，能退吗",
        "The beans are slightly burnt, can I return the bag?",
        "Why does the machine keep burning the coffee?",
        "这款豆子喝起来有焦苦味，正常吗",
    ],
)
def test_a_phrase_that_means_no_accident_is_a_question(text):
    assert recognise_turn(text) is not TurnKind.SAFETY


@pytest.mark.parametrize(
    "text",
    [
        "I cut my finger on the blade of the grinder",
        "There is a burnt smell from the plug since the power cut",
        "the coffee burnt my tongue",
        "beans are burnt and the machine is smoking",
        "咖啡机有焦味",
        "The coffee was hot and burned my tongue",
        "Coffee is leaking and burnt my arm",
        "burning coffee spilled over my child's legs",
        "The tea was hot and burnt my daughter",
        "My espresso was boiling and burned me badly",
        "The espresso is burnt and the plug is black",
        "Your beans burnt the skin of my son when I roasted them",
        "咖啡漏进底座有焦味",
        "咖啡洒到主板闻着焦味",
    ],
)
def test_an_accident_is_one_beside_such_a_phrase(text):
    assert recognise_turn(text) is TurnKind.SAFETY
