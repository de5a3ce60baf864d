"""What was chosen is said once."""

from unit_desk import read_units

from ragdesk.answering.reading.choice_statements import state_choice
from ragdesk.answering.reading.unit_choice import UnitChoice
from ragdesk.answering.statement import Quote, Statement

FAQ = (
    "question,answer\n"
    'Do you have shops?,"We have shops in Hamburg. They open at ten. Bring your own beans."\n'
)


def test_an_entry_of_which_two_sentences_were_chosen_is_said_once():
    units = read_units("faq.csv", FAQ)
    whole = next(unit for unit in units if unit.kind == "faq")
    parts = [unit for unit in units if whole.contains(unit) and unit is not whole]
    assert len(parts) > 1

    def state_whole(_unit, _earlier):
        (span,) = whole.spans
        return [Statement(whole.text, (Quote(whole.passage, *span, whole.text),), 1.0)]

    for groups in ((tuple(parts),), tuple((part,) for part in parts)):
        (statement,) = state_choice(UnitChoice(groups=groups), "en", state_whole)
        assert statement.text == whole.text
