"""How much of one text another carries, in English and Chinese."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexes.text.contradictions import find_contradictions
from indexes.text.coverage import choose_pieces, compute_coverage
from indexes.text.sentences import split_sentences
from indexes.text.tokens import tokenize_text

RARE = {"refund": 3.0, "退款": 3.0, "退": 2.0, "款": 2.0}
WORDS = st.lists(st.sampled_from(["refund", "window", "ship", "the", "退款", "的"]), max_size=6)


def idf(term: str) -> float:
    return RARE.get(term, 1.0)


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("How long do refunds take?", "We open at nine. Refunds take five days. Ask us."),
        ("退款需要多少天？", "我们九点开门。退款一般需要五天。请联系我们。"),
        ("What does error E1047 mean?", "E1046 is heat. E1047 means that there is no water. Stop."),
    ],
)
def test_the_sentence_that_answers_covers_most_of_the_question(question, text):
    spans = split_sentences(text)
    shares = [
        compute_coverage(tokenize_text(question), tokenize_text(text[a:b]), idf) for a, b in spans
    ]
    assert shares.index(max(shares)) == 1


def test_a_rare_word_weighs_more():
    question = ["refund", "window", "shop"]
    assert compute_coverage(question, ["refund"], idf) == 0.6
    assert compute_coverage(question, ["window"], idf) == 0.2


def test_nothing_asked_and_nothing_claimed():
    assert compute_coverage([], ["a"], idf) == 0.0
    assert compute_coverage(["the", "of"], ["the"], idf) == 0.5


def slow_window(claim, pieces, most=3):
    """Choose as the first version did: every piece weighed anew in every round."""
    chosen, held, share = [], set(), 0.0
    while len(chosen) < most and len(chosen) < len(pieces):
        gains = [(compute_coverage(claim, held.union(p), idf), -i) for i, p in enumerate(pieces)]
        best, at = max(gains)
        if best < share + 0.1:
            break
        chosen.append(-at)
        held.update(pieces[-at])
        share = best
    return tuple(sorted(chosen)), share


@given(WORDS, st.lists(WORDS.map(frozenset), max_size=8))
def test_a_window_is_chosen_as_by_weighing_every_piece_anew(claim, pieces):
    assert choose_pieces(claim, pieces, idf) == slow_window(claim, pieces)


TEXT = st.lists(
    st.sampled_from(
        ["Oslo", "the Nordlys", "Q3", "E1047", "第三季", "İzmir", "é", "TiDB", "。", ". "]
    ),
    max_size=6,
).map(" ".join)


@given(TEXT, TEXT, st.lists(TEXT, max_size=3))
def test_what_stands_beside_may_be_one_text_or_several(claim, evidence, beside):
    assert find_contradictions(claim, evidence, context=beside) == find_contradictions(
        claim, evidence, context="\n".join(beside)
    )


@given(WORDS, WORDS, WORDS)
def test_coverage_is_a_share_that_grows_with_the_text(question, text, more):
    share = compute_coverage(question, text, idf)
    assert 0.0 <= share <= 1.0
    assert share <= compute_coverage(question, text + more, idf)
    assert math.isclose(compute_coverage(question, question, idf), 1.0) or not question


FAITHFUL = [
    ("等级在1月1日重算。", "等级每年 1 月 1 日重新计算。"),
    ("一个号码一天最多发送10条。", "每个号码每天最多发送十条。"),
    ("There are 10 ways, tried once a day.", "There are ten ways, each is tried every day."),
    ("Unused articles can be returned within 30 days.", "Unused articles can be sent back within 30 days of delivery."),
    ("You have two weeks.", "You have 14 days."),
    ("Opened software is not returnable.", "Opened software cannot be returned."),
    ("Shipping to Norway costs €12.50.", "Parcels leave in two days. Shipping to Norway costs 12.50 euros."),
    ("退款在三个工作日内到账。", "退款会在3个工作日之内到账。"),
    ("会员可延长到十五天。", "会员可以延长到15天。"),
    ("运费由买家承担。", "商品须在签收后七日内退回，运费由买家承担。"),
    ("自2024年5月3日起生效。", "本政策自 2024-05-03 起生效。"),
    ("Customers keep their receipts.", "Customers keep their receipts for two years because shops that do not keep receipts cannot answer for goods bought with vouchers abroad."),
]  # fmt: skip
FALSE = [
    ("date", "等级在1月2日重算。", "等级每年 1 月 1 日重新计算。"),
    ("number", "一个号码一天最多发送12条。", "每个号码每天最多发送十条。"),
    ("number", "You have 60 days to return it.", "You have 30 days to return it."),
    ("number", "退款在五天内到账。", "退款在三天内到账。"),
    ("unit", "退款在三天内到账。", "退款在三个工作日内到账。"),
    ("unit", "Refunds take 5 weeks.", "Refunds take 5 days."),
    ("currency", "Shipping to Norway costs 12.50 dollars.", "Shipping to Norway costs 12.50 euros."),
    ("currency", "运费为12.50美元。", "运费为12.50欧元。"),
    ("date", "It holds from 3 May 2024.", "It holds from May 4, 2024."),
    ("identifier", "E1048 means that the pump is blocked.", "E1047 | Pump blocked | Rinse"),
    ("name", "Shipping to Sweden costs 12.50 euros.", "Shipping to Norway costs 12.50 euros."),
    ("negation", "Gift cards are refunded.", "Gift cards are not refunded."),
    ("negation", "退款不会在三天内到账。", "退款在三天内到账。"),
    ("modal", "You must register the machine.", "You can register the machine."),
    ("modal", "商品可以在七日内退回。", "商品须在七日内退回。"),
    ("opposite", "Used articles can be returned.", "Unused articles can be returned."),
    ("opposite", "运费由卖家承担。", "运费由买家承担。"),
]  # fmt: skip


@pytest.mark.parametrize(("claim", "evidence"), FAITHFUL)
def test_what_is_only_said_otherwise_raises_no_flag(claim, evidence):
    assert find_contradictions(claim, evidence) == []


@pytest.mark.parametrize(("kind", "claim", "evidence"), FALSE)
def test_what_is_changed_raises_its_flag(kind, claim, evidence):
    assert kind in {flag.kind for flag in find_contradictions(claim, evidence)}
    assert find_contradictions(evidence, evidence) == []


@given(st.text(max_size=200))
def test_a_text_never_contradicts_itself(text):
    assert find_contradictions(text, text) == []


def test_a_window_takes_what_carries_the_claim():
    pieces = [
        set(tokenize_text(s)) for s in ("Parcels leave at noon.", "A refund takes 3 days.", "Ask.")
    ]
    chosen, share = choose_pieces(tokenize_text("Refunds take 3 days."), pieces, idf)
    assert (chosen, share) == ((1,), 1.0)
    assert choose_pieces(["x"], [], idf) == ((), 0.0)


@pytest.mark.parametrize(
    ("claim", "evidence"),
    [
        ("It works at 20 °C.", "It works at -20 °C."),
        ("需要二十三天。", "需要两三天。"),
        ("It costs 50 €.", "It costs 1,50 €."),
        ("A rate of 2 %.", "A rate of 2 ‰."),
    ],
)
def test_another_quantity_is_flagged_however_like_it_reads(claim, evidence):
    assert find_contradictions(claim, evidence)


@pytest.mark.parametrize(
    ("claim", "evidence"),
    [
        ("It takes 120 days.", "It takes one hundred and twenty days."),
        ("It takes 90 minutes.", "It takes one and a half hours."),
        ("费用为十二万三千元。", "费用为12.3万元。"),
        ("有效期为一年半。", "有效期为18个月。"),
        ("Until 8 December 2024.", "Until 08-12-2024."),
        ("On 31 December 2024.", "On 12/31/2024."),
        ("Costs €1,50.", "Costs 1,50 €."),
        ("From 100 to 200 days.", "Between one hundred and two hundred days."),
    ],
)
def test_one_quantity_may_be_written_in_many_ways(claim, evidence):
    assert find_contradictions(claim, evidence) == []
