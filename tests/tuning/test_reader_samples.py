"""What a reader learns from: the right unit among near ones, and none where it was left out."""

import json
import re
from pathlib import Path

import pytest

from ragdesk.errors import SettingsError
from ragdesk.tuning.document_samples import HeadingReader
from ragdesk.tuning.reader_samples import (
    ReaderSample,
    SampleMaker,
    SampleOptions,
    SampleSource,
    SourceQuestion,
    SourceUnit,
)
from ragdesk.tuning.sample_sources import SourceOptions, gather_samples
from ragdesk.tuning.squad_samples import SquadReader
from ragdesk.tuning.table_samples import make_table_source

LIGHTHOUSE = (
    "The lighthouse of Norra was built in 1871 by two brothers. It stands on a rock of granite. "
    "Its lamp burned whale oil until the winter of 1902."
)
HARBOUR = (
    "The harbour of Norra freezes from January on. Two brothers ran the ferry to the lighthouse. "
    "The ferry burned coal."
)
MILL = "The mill of Sundby grinds rye. A lighthouse cannot be seen from its hill."


def write_squad(folder: Path) -> Path:
    """Write two articles with a few questions, one of them without an answer."""

    def ask(question: str, text: str, answer: str | None) -> dict[str, object]:
        answers = [{"text": answer, "answer_start": text.index(answer)}] if answer else []
        return {"id": question, "question": question, "answers": answers}

    norra = [
        {
            "context": LIGHTHOUSE,
            "qas": [
                ask("What did the lamp of the lighthouse burn?", LIGHTHOUSE, "whale oil"),
                ask("Who painted the lighthouse?", LIGHTHOUSE, None),
            ],
        },
        {"context": HARBOUR, "qas": [ask("What did the ferry burn?", HARBOUR, "coal")]},
    ]
    sundby = [{"context": MILL, "qas": [ask("What does the mill grind?", MILL, "rye")]}]
    articles = [{"title": "Norra", "paragraphs": norra}, {"title": "Sundby", "paragraphs": sundby}]
    file = folder / "lights.json"
    file.write_text(json.dumps({"data": articles}), encoding="utf-8")
    return file


def make_samples(source: SampleSource, **options: float) -> dict[str, ReaderSample]:
    settings = SampleOptions(
        **{"removed": 0.0, "bare": 0.0, "untitled": 0.0, "titled": 0.0, **options}
    )  # type: ignore[arg-type]
    return {sample.question: sample for sample in SampleMaker(source, settings).iter_samples()}


def test_the_sentence_that_holds_the_answer_is_right_and_its_neighbours_are_wrong(tmp_path):
    samples = make_samples(SquadReader("lights").read_source(write_squad(tmp_path)))
    sample = samples["What did the lamp of the lighthouse burn?"]
    (place,) = sample.answers
    unit = sample.units[place]
    assert unit.text.startswith("Its lamp burned whale oil")
    assert unit.lead == "Norra\nIt stands on a rock of granite."
    (span,) = sample.spans
    assert span is not None
    assert unit.text[slice(*span)] == "whale oil"
    others = {other.text for i, other in enumerate(sample.units) if i != place}
    assert "Two brothers ran the ferry to the lighthouse." in others  # a sibling section
    assert samples["Who painted the lighthouse?"].answers == ()


def test_as_many_units_are_read_whether_one_answers_or_not(tmp_path):
    source = SquadReader("lights").read_source(write_squad(tmp_path))
    samples = make_samples(source, units=4)
    answered = samples["What did the lamp of the lighthouse burn?"]
    unanswered = samples["Who painted the lighthouse?"]
    assert answered.answers
    assert not unanswered.answers
    assert len(answered.units) == len(unanswered.units) == 4


def test_where_the_right_section_is_left_out_its_siblings_stay(tmp_path):
    source = SquadReader("lights").read_source(write_squad(tmp_path))
    sample = make_samples(source, removed=1.0)["What did the lamp of the lighthouse burn?"]
    texts = [unit.text for unit in sample.units]
    assert sample.answers == ()
    assert not any(text in LIGHTHOUSE for text in texts)
    assert any(text in HARBOUR for text in texts)


def test_another_unit_with_the_same_answer_is_no_wrong_one():
    units = [
        SourceUnit(text=text, lead="", section=section, article="a")
        for text, section in [("It costs 45 euros.", "1"), ("Price: 45 euros", "2"), ("Blue", "2")]
    ]
    question = SourceQuestion(
        text="price?", section="1", article="a", answers=((0, None),), answer_texts=("45 euros",)
    )
    source = SampleSource(name="s", units=units, questions=[question])
    (sample,) = SampleMaker(source, SampleOptions(removed=0.0)).iter_samples()
    assert "Price: 45 euros" not in [unit.text for unit in sample.units]


def test_traditional_characters_are_simplified_where_offsets_stay(tmp_path):
    text = "燈塔建於一八七一年。燈用鯨油點燃。"
    asked = {"question": "燈用什麼？", "answers": [{"text": "鯨油", "answer_start": 12}]}
    articles = [
        {"title": title, "paragraphs": [{"context": text, "qas": [asked]}]} for title in "甲乙"
    ]
    file = tmp_path / "zh.json"
    file.write_text(json.dumps({"data": articles}), encoding="utf-8")
    source = SquadReader("zh", kept_traditional=2).read_source(file)
    assert [question.text for question in source.questions] == ["燈用什麼？", "灯用什么？"]
    ((place, span),) = source.questions[1].answers
    assert span is not None
    assert source.units[place].text[slice(*span)] == "鲸油"


def test_what_measures_is_refused_by_the_name_of_its_file(tmp_path):
    file = write_squad(tmp_path)
    notes = tmp_path / "held.md"
    notes.write_text(f"# Notes\n\nCopied: {HARBOUR}\n", encoding="utf-8")
    with pytest.raises(SettingsError, match=r"paragraph .* stands in .*held\.md"):
        gather_samples(SourceOptions(squad=[file], measured=[notes]))
    cases = tmp_path / "cases.jsonl"
    cases.write_text('{"question": "What does the MILL grind?"}\n', encoding="utf-8")
    with pytest.raises(SettingsError, match=r"question that stands in .*cases\.jsonl"):
        gather_samples(SourceOptions(squad=[file], measured=[cases]))


def test_what_measures_can_be_left_out_with_its_whole_paragraph(tmp_path):
    file = write_squad(tmp_path)
    notes = tmp_path / "held.txt"
    notes.write_text(HARBOUR, encoding="utf-8")
    samples, (report,) = gather_samples(
        SourceOptions(squad=[file], measured=[notes], leaves_out=True)
    )
    assert report.lost == 1
    texts = {unit.text for sample in samples for unit in sample.units}
    assert texts
    assert not any(text in HARBOUR for text in texts)
    kept = [s for s in samples if s.question == "What does the mill grind?" and s.answers]
    assert kept[0].units[kept[0].answers[0]].text == "The mill of Sundby grinds rye."


def test_a_source_is_left_out_by_its_name(tmp_path):
    file = write_squad(tmp_path)
    samples, reports = gather_samples(SourceOptions(squad=[file], tables=1, without=["lights"]))
    assert {sample.origin for sample in samples} == {"made-up tables"}
    assert [report.name for report in reports] == ["made-up tables"]


def test_a_heading_asks_and_its_section_answers(tmp_path):
    file = tmp_path / "bakery.md"
    file.write_text(
        "# Bakery\n\n## Opening hours\n\nWe open at six. On Sundays we stay shut.\n\n"
        "## Orders for parties\n\n- Order two days before.\n- Trays hold twelve rolls.\n",
        encoding="utf-8",
    )
    samples = make_samples(HeadingReader("bakery").read_folder(tmp_path))
    sample = samples["Opening hours"]
    right = {sample.units[place].text for place in sample.answers}
    assert right == {"We open at six.", "On Sundays we stay shut."}
    assert all("Opening hours" not in sample.units[place].lead for place in sample.answers)
    wrong = {u.text for i, u in enumerate(sample.units) if i not in sample.answers}
    items = ("- Order two days before.", "- Trays hold twelve rolls.")
    assert wrong <= {*items, "\n".join(items)}
    parties = samples["Orders for parties"]
    right = {parties.units[place].text for place in parties.answers}
    assert right == {*items, "\n".join(items)}  # the whole list beside its items


def test_a_row_of_a_made_up_table_answers_for_its_own_label():
    source = make_table_source(20)
    answered = [question for question in source.questions if question.answers]
    assert len(answered) > len(source.questions) / 2
    for question in answered:
        ((place, _),) = question.answers
        cell = re.split(r" \| |\t|; ", source.units[place].text.strip("| "))[0]
        assert cell.rpartition(": ")[2] in question.text
