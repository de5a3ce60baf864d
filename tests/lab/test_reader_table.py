"""The tables of the trained reader: what is weighed, and on which half."""

from tests.lab.quality.reader import (
    AskedOnce,
    UnitFeatures,
    answer_signal,
    choose_unit,
    fit_choice,
    write_tables,
)


def make_asked(cluster: str, scope: str, right_score: float, wrong_score: float) -> AskedOnce:
    units = (
        UnitFeatures(words=0.9, default=0.9, z=0.0, reader=wrong_score, right=False),
        UnitFeatures(words=0.4, default=0.4, z=0.0, reader=right_score, right=scope != "removed"),
    )
    return AskedOnce(
        group="lights",
        cluster=cluster,
        scope=scope,
        likelihood=0.6,
        answerable=0.5,
        units=units,
    )


def test_a_weighed_sum_puts_the_right_unit_first():
    asked = [make_asked(str(number), "all", 2.0, -2.0) for number in range(6)]
    assert not choose_unit(asked[0], ["words"], {"words": 1.0})
    weights = fit_choice(asked, ["reader", "words"])
    assert weights["reader"] > 0
    assert choose_unit(asked[0], ["reader", "words"], weights)


def test_tables_have_a_row_for_each_way_and_tell_what_was_answered():
    asked = [
        question
        for number in range(12)
        for question in (
            make_asked(str(number), "all", 2.0, -2.0),
            make_asked(str(number), "removed", -3.0, -2.0),
        )
    ]
    assert answer_signal(asked[0], "reader") > answer_signal(asked[1], "reader")
    lines = write_tables(asked).splitlines()
    assert any(line.startswith("| lights | all | 12 | reader | 1.000") for line in lines)
    assert any(line.startswith("| lights | all | 12 | words | 0.000") for line in lines)
    assert "| lights | 12 / 12 | reader | 1.000 | 0.000 |" in lines
