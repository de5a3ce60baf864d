"""What is said of the units that were chosen."""

import pytest
from unit_desk import open_desk


@pytest.fixture(scope="module")
def ask_about(tmp_path_factory):
    def answer(question, **files):
        named = {name.replace("_", "."): body for name, body in files.items()}
        with open_desk(tmp_path_factory.mktemp("home") / "c", named) as ask:
            return ask(question)

    return answer


WIDE = (
    "Model,"
    + ",".join(f"Feature {n}" for n in range(20))
    + ",Noise,Weight\n"
    + "".join(
        f"PX-{m},"
        + ",".join(f"option {n} of the long series {m}" for n in range(20))
        + f",{m} dB,{m + 7} kg\n"
        for m in (41, 52, 63)
    )
)


def test_of_a_wide_row_the_label_and_the_column_are_quoted(ask_about):
    answer = ask_about("What is the weight of the PX-52?", pumps_csv=WIDE)
    assert answer.claims[0].text == "Model: PX-52\nWeight: 59 kg"


def test_of_a_row_with_long_cells_the_label_and_the_column_are_quoted(ask_about):
    head = "| Model | Setup | Care | Noise | Weight |\n|---|---|---|---|---|\n"
    rows = "".join(
        f"| PX-{m} | {'set it level and fill it ' * 9} | {'wipe it dry ' * 20} | {m} dB | {m + 7} kg |\n"
        for m in (41, 52, 63)
    )
    answer = ask_about("What is the weight of the PX-52?", pumps_md=f"# Pumps\n\n{head}{rows}")
    assert answer.claims[0].text == "Model | Weight\nPX-52 | 59 kg"
    assert [c.columns for c in answer.citations][-2:] == [("Model",), ("Weight",)]


def test_a_list_is_said_whole_and_its_rest_counted(ask_about):
    items = "\n".join(f"- Station {n}" for n in range(1, 20))
    answer = ask_about(
        "Which stations are there?",
        stops_md=f"# Stations\n\nThe line has these stations:\n\n{items}\n",
    )
    assert "Station 15" in answer.text
    assert "Station 16" not in answer.text
    assert answer.claims[-1].text == "And 4 more, under “Stations”."
    assert answer.claims[-1].verdict == "no_claim"


def test_all_steps_answer_how(ask_about):
    answer = ask_about(
        "如何清洗水壶？",
        水壶_md="# 水壶\n\n清洗水壶的步骤：\n\n1. 拔掉电源。\n2. 倒出余水。\n3. 用醋浸泡。\n",
    )
    assert "3. 用醋浸泡。" in answer.claims[0].text


@pytest.mark.parametrize(
    ("question", "shown"),
    [("Do you lend boots to children?", True), ("Do you lend skis to children?", False)],
)
def test_an_entry_shows_its_question_where_another_was_asked(ask_about, question, shown):
    faq = "# Rental\n\n## Do you lend skis to children?\n\nYes, from the age of four, with a helmet that we lend as well.\n"
    answer = ask_about(question, rental_md=faq)
    assert answer.text.startswith("Do you lend skis to children?") is shown
    assert answer.citations[-1].question == "Do you lend skis to children?"


def test_yes_is_never_said_without_its_question(ask_about):
    faq = "# 租借\n\n## 可以租滑雪板吗？\n\n可以。\n"
    assert ask_about("可以租滑雪板吗？", 租借_md=faq).claims[0].text == "可以租滑雪板吗？\n可以。"


def test_the_same_sentence_of_two_copies_is_said_once(ask_about):
    text = "Guests moor at the third jetty and pay at the kiosk."
    answer = ask_about(
        "Where do guests moor?",
        a_md=f"# Mooring\n\n{text}\n",
        b_txt=f"{text}\n",
        c_md=f"# Mooring (copy)\n\n{text}\n",
    )
    assert answer.text.count("third jetty") == 1


def test_a_line_without_stops_is_quoted_around_the_fact(ask_about):
    line = " ".join(
        f"the clerk then opens drawer {n} and counts {n * 7} coins for the till" for n in range(90)
    )
    answer = ask_about("How many coins are counted for drawer 61?", log_txt=line)
    assert "427" in answer.text
    assert len(answer.text) <= 600
