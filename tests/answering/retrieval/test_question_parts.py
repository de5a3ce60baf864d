"""What a text asks: one thing, two, or a whole mail's."""

import pytest

from ragdesk.answering.retrieval.question_parts import drop_courtesies, split_question

MAIL = """Dear library,

I hope this finds you well. We moved here last month, my children love your reading room and the
new comics, and my neighbour told us so much about the summer club. I would like to know what a
family card costs per year, since our old one was from another town, and whether we can return
books at the station.

Best regards,
Kim Tran
--
Sent from my tablet"""
MAIL_ZH = """您好：

我是上个月刚搬来的住户，孩子很喜欢你们的阅览室，邻居也常说起暑期的读书会，所以我们打算办一张卡，先来问一下情况，免得白跑一趟，毕竟路上要换两趟车。请问家庭借阅证一年收费多少？另外，图书可以在地铁站归还吗？

谢谢！
陈明"""


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("What is the joining fee, and how many lessons are included?", 2),
        ("When do you open and do I have to book?", 2),
        ("How much is a locker? Can I bring my own lock?", 2),
        ("where is the pool and on which floor?", 2),
        ("泳池几点开门，要不要预约？", 2),
        ("会员卡多少钱？丢了能补吗？", 2),
        ("I lost my key yesterday. Can I get another one?", 1),
        ("My bike, which I bought in May, squeaks: what can I do?", 1),
        ("Can I pay by card or by invoice?", 1),
        ("What is the difference between the day and the night tariff?", 1),
        ("Who can tell me whether the lift works?", 1),
        ("shower is cold again, hot tap does nothing", 1),
        ("我昨天丢了钥匙，怎么补办？", 1),
        ("早上买的票和晚上买的票有什么区别？", 1),
        ("E12", 1),
    ],
)
def test_a_text_is_split_into_what_it_asks(text, parts):
    assert len(split_question(text)) == parts


def test_a_part_that_leans_on_the_one_before_is_searched_with_its_words():
    first, second = split_question("What does a season ticket cost, and how long is it valid?")
    assert "season" not in first.search_text.removeprefix(first.text)
    assert second.text == "how long is it valid?"
    assert "season ticket" in second.search_text
    _, fee = split_question("办居住证要多久，费用多少？")
    assert "居住证" in fee.search_text


def test_parts_that_stand_alone_are_searched_alone():
    _, second = split_question("When does the museum open, and where can visitors park a bicycle?")
    assert second.search_text == second.text


@pytest.mark.parametrize(
    ("mail", "subjects", "noise"),
    [(MAIL, ("family card", "station"), "comics"), (MAIL_ZH, ("借阅证", "地铁站"), "邻居")],
)
def test_of_a_mail_only_what_it_asks_is_left(mail, subjects, noise):
    parts = split_question(mail)
    assert len(parts) == 2
    for part, subject in zip(parts, subjects, strict=True):
        assert subject in part.text
        assert noise not in part.search_text


def test_a_greeting_and_a_signature_are_dropped():
    assert (
        drop_courtesies("Hi there,\n\nIs the pool heated?\n\nThanks,\nJo") == "Is the pool heated?"
    )
    assert drop_courtesies("Is the pool heated?") == "Is the pool heated?"
    assert drop_courtesies("Thanks!") == "Thanks!"
