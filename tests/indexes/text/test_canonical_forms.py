"""What is the same thing in several spellings has a token that all of them share."""

from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from indexes.text.numerals import NUMERALS, parse_numeral
from indexes.text.tokens import find_identifiers, tokenize_text

SAME = {
    "1250": "1250 / 1,250 pieces / 共一千二百五十件 / 壹仟贰佰伍拾元整 / １２５０ / 1250 元",
    "12500": "12,500 / 1.25万元 / 一万二千五百 / 1.25 万",
    "80": "80% of the rent / 百分之八十的租金 / 80 percent",
    "3": "3天内 / 三天内 / 3 个工作日 / 三个工作日",
    "第8条": "第8条 / 第八条 / 第 8 條 / 第捌条 / 见第８条",
    "第12章": "第12章 / 第十二章 / 第 12 章",
    "2027-09-06": (
        "2027-09-06 / 2027/9/6 / 2027.9.6 / 2027年9月6日 / 2027 年 9 月 6 号 / 二〇二七年九月六日"
        " / 6 September 2027 / Sept. 6th, 2027 / 2027-09-06T18:20:00Z / 2027-09-06 18:20 / the 6th of September, 2027"
    ),
    "--09-06": "9月6日 / 九月六日 / 6 September / Sept 6th / September 6 / on 2027-09-06 / 2031/9/6 / 2027-09-06T18:20",
    "2027-09": "September 2027 / 2027年9月 / 2027-09",
    "18:20": "at 18:20 / 6:20 pm / 6:20 p.m. / 十八点二十分 / 下午六点二十 / 18点20分 / 晚上6点20 / 2027-09-06T18:20:00Z / 2027-09-06T18:20 / 2027-09-06 18:20:31",
    "09:00": "9:00 / 9点00分 / 9点整 / 上午九点零零分 / 九点〇〇分 / 9点零零分 / 9 am",
    "09:05": "9:05 / 9点零五分 / 9点〇五 / 九点零五分 / 9点05 / 九点5分",
    "00:30": "0:30 / 0点30分 / 零点三十分 / 零点半 / 晚上零点三十 / 12:30 am",
    "第0条": "第0条 / 第零条 / 第00条",
    "4008206644": "400-820-6644 / 4008206644 / 400 820 6644 / tel 400 820 6644 / Or ask. 400 820 6644 / +86 400-820-6644 / 电话：４００ ８２０ ６６４４",
    "75588881234": "(0755) 8888 1234 / 0755-88881234 / 075588881234 / +86 755 8888 1234",
    "e204": "E204 / E-204 / error E 204 / E 204? / 报E204怎么处理 / 故障码 E 204 / Ｅ－２０４ / | E 204 | drum |",
    "qx071860": "QX.0718-60 / QX0718-60 / qx071860 / QX-0718.60",
    "wifi": "Wi-Fi / WiFi / wifi",
    "login": "log-in / login / Login",
    "nodej": "Node.js / nodejs",
    "c#": "C# / in C#, say / 用C#写的",
    ".net": ".NET / (.NET 8) / 基于 .NET",
    "a/b": "A/B tests / an a/b test",
    "r&d": "R&D / r&d",
    "at&t": "AT&T / at&t's",
    "门禁": "门禁 / ⻔禁 / 门 禁 / 門 禁 管 理",
    "十五": "十五日 / ⼗五⽇",
}  # fmt: skip


@pytest.mark.parametrize("token", SAME)
def test_all_spellings_of_a_thing_share_a_token(token):
    missing = [text for text in SAME[token].split(" / ") if token not in tokenize_text(text)]
    assert not missing


@pytest.mark.parametrize(
    ("token", "text"),
    [
        ("第8条", "第十八条、第8章、第80条、8条"),
        ("第3条", "第十三条和第三十条"),
        ("2027-09-06", "2026年9月6日, 6 September, 2027-09-07, 06.10.2027"),
        ("--09-06", "06/09/2027 may be either; 9-6; version 9.6; 16-09"),
        ("--09-00", "9月0日，九月零日，2027/9/0"),
        ("12:00", "晚上零点整"),
        ("18:20", "6:20 am, 18.20 euros, 上午六点二十, 18:200, 18:2"),
        ("c", "C# and C++ and C++17"),
        ("f", "F#"),
        ("e204", "page E-2040, E 20 4"),
        ("20192020", "2019-2020"),
        ("120034005600", "1200 3400 5600"),
        ("--05-06", "section 6 may be left out; you may 6 times, and that may 6"),
        ("1", "一个一些一次统一年检第一次万一唯一一起一下"),
        ("10", "十分满意，十足"),
        ("3", "三明治，三三两两，再三，周三天气，第三方"),
        ("9", "九龙，九十年代"),
        ("34", "三四天"),
        ("135", "十三五规划"),
        ("10000", "万一，万科，千万不要"),
        ("100", "百度，百货，百万"),
        ("in2019", "errors in 2019"),
        ("of12", "code of 12 rules"),
    ],
)
def test_other_things_do_not_share_it(token, text):
    assert token not in tokenize_text(text)


def test_words_with_numerals_in_them_bring_no_numbers():
    text = "万一统一安排，一些三明治和九龙的千层饼十分好吃，一起一一品尝，百般满意，四面八方。"
    assert not [token for token in tokenize_text(text) if any(map(str.isdecimal, token))]


def test_the_words_as_they_stand_are_tokens_as_before():
    assert tokenize_text("第八条")[:5] == ["第", "八", "条", "第八", "八条"]
    assert {"400-820-6644", "400", "820", "6644"} <= set(tokenize_text("400-820-6644"))
    assert tokenize_text("按一千二百五十元付")[:9] == [*"按一千二百五十元付"]
    assert "元付" in tokenize_text("按一千二百五十元付")


def test_a_form_stands_behind_the_words_it_is_of():
    assert tokenize_text("on 6 may 2027 we open") == [
        *("on", "6", "may", "2027", "2027-05-06", "--05-06", "we", "open")
    ]


def test_a_code_or_a_telephone_number_is_one_identifier_in_each_spelling():
    for text in SAME["e204"].split(" / "):
        assert find_identifiers(text) == ["e204"], text
    assert find_identifiers("AL017怎么办") == find_identifiers("AL-017") == ["al017"]
    assert find_identifiers("call 400 820 6644") == ["4008206644"]
    assert find_identifiers("(0755) 8888 1234") == ["075588881234"]
    assert (
        find_identifiers("2027/9/6 at 18:20, 第8条, 一千二百五十元, C#, 2019-2020, 29.11.2026")
        == []
    )


@pytest.mark.parametrize(
    "piece",
    [
        *("一千", "第", "第一", "9月", "九月", "1.", "1,000", "0-", "(0", "+1 ", "12:30", "六点", "6 ", "退 "),
        *("e 1", "sept ", "6 sept", "1/", "a/b", "c#", "++", ".a", " .", "1 1", "百分之", "1万", "0" * 9, "-0"),
    ],
)  # fmt: skip
def test_a_hostile_text_takes_no_longer_than_a_plain_one(piece):
    text = piece * (60_000 // len(piece))  # anything quadratic would never end
    assert len(tokenize_text(text)) <= 4 * len(text)
    assert len(find_identifiers(text)) <= len(text)


@given(
    st.text(NUMERALS + "点分时零〇", max_size=12)
    | st.text("上午晚百之第条年月日号点时分半整万亿 019.,:/-+()零〇一十千两٣" + "pm", max_size=20)
)
@settings(max_examples=400)
@example("上午零点〇")
@example("第.0条")
def test_no_order_of_numerals_and_marks_raises(text):
    tokens = tokenize_text(text)
    assert all(tokens)
    assert set(find_identifiers(text)) <= set(tokens)


def test_numerals_rise_as_they_are_counted():
    numerals = "九 十 十一 十九 二十 九十九 一百 一百零一 一百一十 一百二 一千零一 一千五 九千九百九十九 一万 一万二 一亿"
    values = [parse_numeral(numeral) for numeral in numerals.split()]
    assert all(below < above for below, above in pairwise(values))
    broken = "一千千 零零 一百百 二十四五 两两两 万 点五 三点 三点十 一万亿亿"
    assert not [numeral for numeral in broken.split() if parse_numeral(numeral) is not None]
