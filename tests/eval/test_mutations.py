"""Broken sentences are found where their source says nearly the same, and paraphrases pass."""

import json
import re
from pathlib import Path

import pytest
from seeded_run import dice_of

from eval import handbook
from eval.imports.rated import RatedText, read_rated_set
from eval.mutate import MUTATION_KINDS, mutate_sentence
from eval.mutations import run_mutation_suite
from eval.violations import list_violations

# A sentence of a source, and the same said in other words.
PAIRS = [
    ("Unused articles can be sent back within 30 days of delivery.", "You can send unused articles back within 30 days of delivery."),
    ("The warranty covers the pump for 24 months.", "The pump is covered by the warranty for 24 months."),
    ("Orders above 60 euros ship free of charge to Norway.", "To Norway, orders above 60 euros ship free of charge."),
    ("Express parcels reach Berlin in 2 days after 14 March.", "After 14 March, express parcels reach Berlin in 2 days."),
    ("Gift cards cannot be returned or paid out.", "You cannot return gift cards or have them paid out."),
    ("退款会在收到退货后5天内退回原账户。", "收到退货后，退款会在5天内退回原账户。"),
    ("会员可以在30天内免费退换未使用的商品。", "未使用的商品，会员可以在30天内免费退换。"),
    ("保修期为24个月，从收货之日开始计算。", "从收货之日开始计算，保修期为24个月。"),
    ("满300元的订单可以免运费。", "订单满300元可以免运费。"),
    ("客服时间为每天9点到18点，周末不提供电话服务。", "客服每天9点到18点，周末不提供电话服务。"),
]  # fmt: skip


@pytest.mark.parametrize(("source", "said"), PAIRS)
def test_a_paraphrase_is_no_violation(source, said):
    assert source != said
    assert list_violations(said, [f"We are open. {source} Ask us."], lambda _: 1.0) == []


@pytest.mark.parametrize("kind", ["number", "unit", "date"])
def test_an_amount_that_was_changed_is_found_in_every_paraphrase(kind):
    tried = 0
    for source, said in PAIRS:
        for seed in range(5):
            broken = mutate_sentence(said, kind, dice_of(seed))
            if broken:
                tried += 1
                assert list_violations(broken.after, [source], lambda _: 1.0), broken.after
    assert tried >= 4


@pytest.mark.parametrize("kind", MUTATION_KINDS)
def test_a_mutation_changes_one_thing_and_is_the_same_for_the_same_dice(kind):
    names = ["Lisbon", "Acme Corp"]
    for _, said in PAIRS:
        one, same = (mutate_sentence(said, kind, dice_of(7), names) for _ in range(2))
        assert one == same
        if one:
            assert one.before == said != one.after


def test_a_sentence_without_the_kind_is_left_alone():
    assert mutate_sentence("Gift cards stay valid.", "number", dice_of(1)) is None


def test_a_source_that_says_nothing_violates_nothing():
    assert list_violations("You have 30 days.", [], lambda _: 1.0) == []


def test_a_not_inside_quotation_marks_and_a_name_spelt_out_are_no_violations():
    source = "You tried to place an order in the shop, but you get this message:"
    assert (
        list_violations('You get this message: "Could not place order.', [source], lambda _: 1.0)
        == []
    )
    assert list_violations("You could not place an order in the shop.", [source], lambda _: 1.0)
    source = "Complain to the Internet Crime Complaint Center within 3 days."
    said = "Complain to the Internet Crime Complaint Center (IC3) within 3 days."
    assert list_violations(said, [source], lambda _: 1.0) == []
    other = said.replace("IC3", "FBI7")
    assert "fbi7" in {one.words for one in list_violations(other, [source], lambda _: 1.0)}


HANDBOOK = Path(handbook.__file__).parent / "paraphrases.jsonl"


def test_a_hundred_chinese_paraphrases_of_the_sample_company_are_no_violations():
    rated = read_rated_set("paraphrases", HANDBOOK)
    assert len(rated) == 100
    found = run_mutation_suite(rated)
    assert found["false_alarms"]["texts"]["value"] <= 0.03
    for kind in ("number", "unit", "date", "citation_swapped"):
        assert found["found"][kind]["value"] >= 0.95, kind


def test_each_paraphrase_still_has_its_sentence_in_its_document():
    documents = HANDBOOK.parent / "documents"
    for line in HANDBOOK.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        text = (documents / row["document"]).read_text(encoding="utf-8")
        assert row["source"] in re.sub("<[^>]+>", "", text), row["source"]
        assert row["said"] != row["source"]


def test_a_name_in_a_label_is_counted_apart():
    said = "**Our Partner Bergen**: the parcel from Oslo Harbour is repaired within 3 days."
    rated = [
        RatedText(id=str(n), text=said, sources=(f"{said} By Lisbon Service.", f"To Trondheim {n}."), rating=1, good=True, cluster=str(n))
        for n in range(8)
    ]  # fmt: skip
    found = run_mutation_suite(rated)["found"]
    assert found["entity"]["n"] + found["entity_in_label"]["n"] == 8


def test_the_suite_counts_what_it_broke_and_what_it_flagged_falsely():
    rated = [
        RatedText(id=str(n), text=said, sources=(source,), rating=4.0, good=True, cluster=str(n))
        for n, (source, said) in enumerate(PAIRS)
    ]
    found = run_mutation_suite(rated)
    assert found["false_alarms"]["texts"]["value"] == 0.0
    assert found["found"]["number"]["value"] == 1.0
    assert found["found"]["citation_swapped"]["value"] == 1.0
    assert found == run_mutation_suite(rated)
