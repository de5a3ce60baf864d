"""What is said to a model: documents, questions and turns are data, and open no turn of a chat."""

import pytest

from indexes.chunk import ALWAYS_VALID, Chunk, Passage, Validity
from indexes.text.tokens import tokenize_text
from ragdesk.answering.answer import Turn
from ragdesk.answering.writing import prompts
from ragdesk.answering.writing.claim_check import ClaimChecker
from ragdesk.answering.writing.writing_options import VerifyOptions

# Of Qwen, Llama 2 to 4, Mistral, DeepSeek, Gemma, Phi, GLM, Cohere, Yi, Granite, MiniMax, Seed, Nemotron, BERT.
MARKED = """
<|im_start|> <|im_end|> <|endoftext|> <|eot_id|> <|start_header_id|> <|end_header_id|> <|begin_of_text|>
<|python_tag|> <|header_start|> <s> </s> <<SYS>> <</SYS>> [INST] [/INST] [TOOL_CALLS] [AVAILABLE_TOOLS]
[/AVAILABLE_TOOLS] [TOOL_RESULTS] [SYSTEM_PROMPT] [THINK] <think> </think> <tool_call> </tool_call>
<tool_response> <tools> <｜begin▁of▁sentence｜> <｜User｜> <｜Assistant｜> <｜tool▁calls▁begin｜> <bos> <eos> <start_of_turn>
<end_of_turn> <|turn> <turn|> <|user|> <|assistant|> <|end|> <|observation|> [gMASK] <sop> <|START_OF_TURN_TOKEN|> <EOS_TOKEN>
<|start_of_role|> ]~b] ]<]minimax[>[ <seed:bos> <seed:think> <SPECIAL_12> <unused7> <extra_id_0> <pad> <unk> <mask>
[CLS] [SEP] [MASK] [UNUSED_TOKEN_146] <function=refund> <|fim_prefix|> <|vision_start|> <reserved_106>
"""
FULL = {code: chr(code + 0xFEE0) for code in range(0x21, 0x7F)}


def hidden(marker: str) -> list[str]:
    """Give a marker, and what a server or a tokenizer may take for it."""
    zero = "\u200b".join(marker)
    return [marker, marker.translate(FULL), zero, f"\u2581{marker}\u2581", marker * 2]


def said(words: str) -> str:
    """Put words wherever a stranger may put some; give all that is said to the model."""
    chunk = Chunk(
        document="d", uri=f"{words}.md", title=words, path=(words,), text=f"a {words} b",
        lead=f"x\n{words}", start=0, end=len(words) + 4, version=words,
    )  # fmt: skip
    passage = Passage(chunk=chunk, score=1.0)
    source = prompts.PromptSource(passage, Validity(starts=f"{words}T", ends=words))
    user = prompts.format_question([source], words, "en")
    alone = prompts.build_rewrite_prompt([Turn(role="user", text=words)], words, "en")
    return "\n".join([prompts.format_repair(user, words, "en"), alone.user])


@pytest.mark.parametrize("marker", MARKED.split())
def test_no_mark_of_a_chat_template_reaches_a_prompt(marker):
    for form in hidden(marker):
        text = said(form).replace(prompts.PASSAGES_OPEN, "").replace(prompts.PASSAGES_CLOSE, "")
        folded = text.translate({code: chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)})
        folded = folded.replace("\u200b", "")
        assert marker not in folded
        assert marker.translate({0xFF5C: "|"}) not in folded
        assert "\u2581" not in folded


@pytest.mark.parametrize(
    "text", ["if (a <b) and x < 5: print(1 << 2)", "[1] [Note] see [2]", "3 < 4 > 2", "a | b |", "退款 <3 天"]
)  # fmt: skip
def test_what_is_no_mark_stays_as_it_is(text):
    assert prompts.clean_prompt_text(text) == text


def test_a_broken_mark_keeps_its_words():
    code = "A turn begins with <|im_start|>user and List<String> holds [INST]."
    assert tokenize_text(prompts.clean_prompt_text(code)) == tokenize_text(code)


def test_quotes_are_of_the_stored_text():
    text = "Write <|im_start|>user before a turn.\nThen write </s> after it."
    chunk = Chunk(document="d", uri="a.md", title="A", text=text, start=0, end=len(text))
    check = ClaimChecker(options=VerifyOptions(), idf=lambda _: 1.0)
    source = prompts.PromptSource(Passage(chunk=chunk, score=1.0))
    given = prompts.format_passage(1, source).splitlines()[1]
    statement = check(given, [Passage(chunk=chunk, score=1.0)], "What stands before a turn?")
    assert statement.quotes
    for quote in statement.quotes:
        assert text[quote.start : quote.end] == quote.text
    assert "<|im_start|>" in statement.quotes[0].text


@pytest.mark.parametrize("mark", ["[2]", "  [ 12 ]", "［2］", "【2】", "[\u200b2]"])
@pytest.mark.parametrize("end", ["\n", "\r", "\u2028", "\x85"])
def test_no_line_of_a_passage_looks_like_the_head_of_another(mark, end):
    words = f"a{end}{mark} Refunds{end}All refunds are paid at once, see [1]."
    user = said(words).split(prompts.PASSAGES_CLOSE)[0]
    heads = [line for line in user.splitlines() if line.strip()[:1] in {"[", "［", "【"}]
    assert len(heads) == 1
    assert "see [1]." in user


def written(text: str, validity: Validity = ALWAYS_VALID, **facts: object) -> list[str]:
    """Give the lines of a passage in a prompt."""
    chunk = Chunk(
        document="d", uri="a.md", title="A", text=text, start=7, end=7 + len(text), **facts
    )
    source = prompts.PromptSource(Passage(chunk=chunk, score=1.0), validity)
    return prompts.format_passage(1, source).splitlines()


def test_rows_stand_below_their_head_and_a_questions_answer_below_it():
    rows = written("E2 | Dry\nE3 | Wet", kind="table", lead="A › Codes\nCode | Meaning")
    assert rows == ["[1] A", "Code | Meaning", "E2 | Dry", "E3 | Wet"]
    entry = written("Do you ship?\nYes, daily.", kind="faq", question=(7, 19), lead="A")
    assert entry == ["[1] A", "Q: Do you ship?", "A: Yes, daily."]
    labelled = written("问：能寄吗？\n答：能。", kind="faq", question=(7, 14), lead="A")
    assert labelled == ["[1] A", "问：能寄吗？", "答：能。"]
    rest = written("Except on Sundays.", kind="faq", lead="A\nDo you ship?")
    assert rest == ["[1] A", "Q: Do you ship?", "A: Except on Sundays."]


def test_a_passage_says_of_which_version_it_is_and_when_it_holds():
    since = Validity(starts="2027-03-01T00:00:00Z")
    assert written("x", since, version="v4")[0] == "[1] A (v4; valid from 2027-03-01)"
    until = Validity(ends="2027-09-01T00:00:00Z")
    assert written("x", until)[0] == "[1] A (valid to before 2027-09-01)"
