"""Personal data in texts is found and replaced; what only looks like it stays."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexes.text.redaction.personal_span import PERSONAL_KINDS, fold_forms
from indexes.text.redaction.redaction import RedactionOptions, redact_text

OPTIONS = RedactionOptions()
PERSONAL = (
    ("Write to ann.lee@mail.example please.", "Write to [e-mail] please."),
    ("邮箱zhang@qq.com谢谢", "邮箱[邮箱]谢谢"),
    ("邮箱ｚｈａｎｇ＠ｑｑ．ｃｏｍ谢谢", "邮箱[邮箱]谢谢"),
    ("请打13812345678联系我", "请打[电话]联系我"),
    ("电话１３８　１２３４　５６７８。", "电话[电话]。"),
    ("联系+86 138-1234-5678或8613912345678", "联系[电话]或[电话]"),
    ("我的号码18443312345和18001234567", "我的号码[电话]和[电话]"),
    ("Bo <bo@mail.example>, 2125550123", "Bo <[e-mail]>, [phone]"),
    ("Change the phone of order 123 to 2125550123", "Change the phone of order 123 to [phone]"),
    ("座机是010-62345678转123", "座机是[电话]"),
    ("电话8888 6666", "电话[电话]"),
    ("Call (212) 555-0123 ext. 45 today", "Call [phone] today"),
    ("my number is 4155552671", "my number is [phone]"),
    ("Ring 020 7946 0958 or +49 151 23456789", "Ring [phone] or [phone]"),
    ("身份证11010519491231002X，谢谢", "身份证[证件号]，谢谢"),
    ("ID 110105 19491231 002x", "ID [ID number]"),
    ("老身份证是110105491231002", "老身份证是[证件号]"),
    ("My passport number is C01234567.", "My passport number is [ID number]."),
    ("护照号E12345678审核中", "护照号[证件号]审核中"),
    ("Charge 4111-1111-1111-1111, exp 09/27", "Charge [card], exp 09/27"),
    ("卡号4111 1111 1111 1111 2027年到期", "卡号[卡号] 2027年到期"),
    ("I live at 221B Baker Street, London NW1 6XE.", "I live at [address]."),
    ("Ship to 12 Smith Ford Apt. 3, Austin, TX 78701-1234", "Ship to [address]"),
    ("My ZIP code is 94107", "My ZIP code is [address]"),
    ("我家住在上海市浦东新区世纪大道100号3栋502室，谢谢", "我家住在[地址]，谢谢"),
    ("寄到解放路12号3单元", "寄到[地址]"),
)
LOOK_ALIKES = (
    "Order 13812345678 of 2026-03-05, tracking SF1380013800013, invoice 4111111111111111",
    "订单号13812345678，运单4111111111111111，流水号110105194912310021",
    "ID 110105194912310021 has a wrong check digit, 110105194913310029 no such month",
    "IMEI 352099001761481, ISBN 978-3-16-148410-0, EAN 4006381333931",
    "It costs $1,234,567.89 or 13812345678元, 12.5 % of 13812345678.50",
    "v10.20.30.40 at 192.168.100.200, 1700000000, 1700000000000",
    "Our hotline 1-800-555-0199, 0800 123 4567, 客服热线400-820-8820和4008208820",
    "npm install left-pad@1.2.3 @scope/tool, git@github.com:acme/tool.git, support@shop.example",
    "链路12号端口，3号线路2号站台，高速公路12号出口",
    "Call about it. 2125550123 units of order 2125550123",
    "150 200 300 40, 200 300 4000, bytes 5 7 10 15 36 50 43 99 120 60",
    "see /items/13812345678/x, A-13812345678, x13812345678",
    "24 Hour Service, Windows 11 Home Center, 10 days of road works",
    "电话会议13点开始，共12500人",
)


@pytest.mark.parametrize(("text", "redacted"), PERSONAL)
def test_personal_data_is_replaced_by_a_label(text, redacted):
    assert redact_text(text, OPTIONS).text == redacted


@pytest.mark.parametrize("text", LOOK_ALIKES)
def test_look_alikes_stay(text):
    assert redact_text(text, OPTIONS).text == text


def test_only_the_wanted_kinds_are_replaced():
    text = "ann@mail.example 212-555-0123"
    for kind, rest in (("e-mail", "[e-mail] 212-555-0123"), ("phone", "ann@mail.example [phone]")):
        assert redact_text(text, RedactionOptions(kinds=(kind,))).text == rest
    assert redact_text(text, RedactionOptions(enabled=False)).text == text


def test_national_numbers_are_known_by_region():
    text = "Ring 03 9123 4567 or 13812345678"
    assert (
        redact_text(text, RedactionOptions(regions=("AU",))).text == "Ring [phone] or 13812345678"
    )


@pytest.mark.parametrize("text", [text for text, _ in PERSONAL])
def test_spans_are_of_the_original(text):
    redaction = redact_text(text, OPTIONS)
    pieces = [fold_forms(text[span.start : span.end]) for span in redaction.spans]
    assert all(piece and "[" not in piece for piece in pieces)
    assert len(redaction.labels) == len(pieces)


FRAGMENTS = st.sampled_from(
    [
        *(text for text, _ in PERSONAL),
        *LOOK_ALIKES,
        *("a@b.cn", "13812345678", "212-555-0123", "4111111111111111", "2155550123", "路12号", "x"),
        *("11010519491231002X", "12 Oak St", "电话", "card", "call ", "order ", " at ", "[", "]"),
        *(" ", "-", ".", ",", "：", "(", ")", "/", "+", "1", "中", "转", "NW1 6XE", "zip "),
    ]
)


@settings(max_examples=150, deadline=None)
@given(st.lists(FRAGMENTS | st.text(max_size=4), max_size=8).map("".join))
def test_what_is_redacted(text):
    redaction = redact_text(text, OPTIONS)
    position = 0
    rebuilt = ""
    for span, label in zip(redaction.spans, redaction.labels, strict=True):
        assert position <= span.start < span.end <= len(text)
        assert span.kind in PERSONAL_KINDS
        rebuilt += text[position : span.start] + label
        position = span.end
    assert redaction.text == rebuilt + text[position:]
    again = redact_text(redaction.text, OPTIONS)
    assert again.text == redaction.text
    assert not again.spans
