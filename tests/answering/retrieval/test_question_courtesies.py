"""What stands around a question is stripped alike for everybody, and what carries meaning stays."""

import pytest

from ragdesk.answering.retrieval.question_courtesies import strip_introduction
from ragdesk.answering.retrieval.question_parts import split_question

ENGLISH = "How long may I keep it?"
CHINESE = "多久可以退货？"
AROUND_ENGLISH = [
    "Hello, this is {name}. {asked}",
    "Good morning team! My name is {name}. {asked}",
    "{name} here. {asked}",
    "{asked} Kind regards, {name}",
    "Hi, I'm {name}, {asked}",
    "My e-mail address is ada.obi@post.example. {asked}",
    "I hope you are all well. {asked} Thank you so much for your help!",
]
NAMES = ["Emily Carter", "Oluwaseun Adeyemi", "Siobhán O'Neill", "Fatima Al Zahra", "José da Silva"]


@pytest.mark.parametrize("around", AROUND_ENGLISH)
@pytest.mark.parametrize("name", NAMES)
def test_english_courtesies_leave_the_same_question_for_every_name(around, name):
    assert strip_introduction(around.format(name=name, asked=ENGLISH)) == ENGLISH


@pytest.mark.parametrize(
    "around",
    [
        "您好，{asked}",
        "你好，我是{name}。{asked}",
        "我叫{name}，请问{asked}",
        "想請問一下，{asked}",
        "麻烦问一下{asked}谢谢您！",
        "在吗？{asked}",
    ],
)
@pytest.mark.parametrize("name", ["王伟", "欧阳·娜", "买买提·艾力", "阿依古丽", "李女士"])
def test_chinese_courtesies_leave_the_same_question_for_every_name(around, name):
    assert strip_introduction(around.format(name=name, asked=CHINESE)) == CHINESE


@pytest.mark.parametrize(
    "text",
    [
        "I am a business customer. May I return it?",
        "I'm German. Do you ship to me?",
        "This is Aurora One. Does it leak?",
        "What is help@nordlys.example for?",
        "Hi-fi speakers under 100?",
        "我是企业客户，可以开专票吗？",
        "我是高中生，有优惠吗？",
        "客服电话是多少？",
        "亲子杯多少钱？",
        "Hello",
        "谢谢！",
        "",
    ],
)
def test_what_carries_meaning_stays(text):
    assert strip_introduction(text) == text


def test_a_question_is_searched_for_without_its_courtesies():
    (part,) = split_question(f"Hello, this is Ada Obi. {ENGLISH} Thanks!")
    assert part.search_text == ENGLISH


def test_many_greetings_take_no_long_time():
    assert strip_introduction("hello, " * 5_000 + ENGLISH) == ENGLISH
    assert strip_introduction("I hope you " * 5_000)
    assert strip_introduction("Ada " * 5_000 + ENGLISH)
    assert strip_introduction("我是" * 5_000 + CHINESE)
