"""The words of a sentence are words of its passage: the bound of its share rests on that."""

from hypothesis import example, given, settings
from hypothesis import strategies as st

from indexes.text.sentences import split_sentences
from indexes.text.tokens import tokenize_text

PIECES = ["E 204", "AL 17", "e-204", "E204:", "error E 204", "Sept.", "September", "May", "may", "6 May", "6 September", "6th of Sept.", "May 6", "2027", "in 2027", "6:20 pm", "6 p.m.", "18:20", "400 820 6644", "+86 400-820-6644", "(0755) 8888 1234", "0755", "1,250", "12.5", "1.", "2)", "204", "17", "第八条", "第 8 条", "2027年9月6日", "9月6日", "下午六点二十", "一千二百五十", "三点", "五", "百分之", "八十", "1.25万", "三个工作日", "请 假", "文", "门", "2027-09-06T18:20:00Z", "2027/9/6", "Turn", "We open", "the drum", "No. 5", "用", "开机"]  # fmt: skip
ENDS = (" ", " ", "\n", ". ", ".\n", "! ", "。", "！", "？", "; ", "；", ", ", ": ", " | ", "\n- ", "\n| ", "\n\n", "  \r\n", ".” ", ".[1] ", "… ", "\n    ", "\t", "* ", "\u2028")  # fmt: skip


@given(
    st.lists(
        st.tuples(st.sampled_from(PIECES), st.sampled_from(ENDS)).map("".join),
        min_size=2,
        max_size=16,
    ).map("".join)
)
@settings(max_examples=300, deadline=None)
@example("Turn it off. E 204: the drum is full. AL 17, then wait.")
@example("请关机。AL 17：门没有关。E 204")
@example("We open in May. 6 September is the day. We close on 6 September. 2027年9月6日")
@example("开会；Sept. 6 May")
@example("We meet（Sept. 6 p.m. is late）")
@example("Call us by 6 May  \r\nor come. Or by 6 may。")
def test_a_sentence_has_no_token_that_its_passage_lacks(text):
    words = set(tokenize_text(text))
    lacking = {text[a:b]: set(tokenize_text(text[a:b])) - words for a, b in split_sentences(text)}
    assert not any(lacking.values()), lacking


def test_a_spaced_code_at_the_start_of_any_sentence_is_a_code():
    text = "Turn it off. E 204: the drum is full.\nWait! “AL 17” (see there). 请关机。QX 93：满了"
    assert {"e204", "qx93"} <= set(tokenize_text(text))
