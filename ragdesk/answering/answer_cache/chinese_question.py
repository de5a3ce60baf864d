"""The parts of a Chinese question that carry its meaning, in their order. Pure."""

import re
from typing import Final

from indexes.text.folding import simplify_characters
from indexes.text.numerals import NUMERALS, parse_numeral
from indexes.text.scripts import HAN

_LEADS = re.compile(
    r"(?:(?:(?:亲|亲亲|客服|在吗|在么|哈喽)(?=[,。!?;~ ])|你好|您好"
    r"|早上好|下午好|晚上好|打扰一下|打扰了|不好意思"
    r"|请问一下|请问|麻烦问一?下|我?想问一?下|我?想问问|我?想请问|问一?下"
    r"|我?想知道|我?想了解一?下|我?想咨询一?下|我?想咨询|咨询一?下"
    r"|你?(?:能|可以|能不能|可不可以)告诉我(?!们)|(?:请|麻烦)?告诉我(?!们)|有?谁知道)"
    r"[,。!?:;~ 啊呀哦]*)+"
)
_TAIL = re.compile("[,。!?:;~ ](?:谢谢(?:你|您|啦|了|大家)?|多谢|感谢|麻烦你?了|急)$")
_ENDS = ",。!?:;~ "
_REWRITTEN: Final = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (rf"(?<=[{HAN},。?!]) | (?=[{HAN},。?!])", ""),
        ("您", "你"),
        ("啥时候|何时|什么时间", "什么时候"),
        ("为何|为啥", "为什么"),
        ("啥", "什么"),
        ("多长时间|多少时间", "多久"),
        ("哪儿", "哪里"),
        ("在哪(?![里个些种家款位年月天方])", "在哪里"),
        (r"(?:如何|怎样|咋)(?=[^办的,。!?]|办理)", "怎么"),
        ("一下(?![午子])", ""),
    )
)
# A or not A: the same as "A?".
_CHOICE = re.compile(
    "(?P<can>能不能|能否)|(?P<may>可不可以|可否|是否可以)|(?P<is>是不是)|(?P<has>有没有)|(?P<will>会不会|是否会)"
)
_CHOSEN = {"can": "能", "may": "可以", "is": "是", "has": "有", "will": "会"}
_SOFTENERS = "呢呀啊哦哈嘛吧"
_ASKS = re.compile("[吗么]$|什么|怎么|多久|多少|哪|为什么|几|谁|是否")
_COUNTED = re.compile(
    rf"(?<![{NUMERALS}第])([{NUMERALS}]{{1,9}})(?=个工作日|个?小时|分钟|个?月|天|年|日|周|元|块|号|次|倍|件|台|折|个星期)"
)
_TOKEN = re.compile(rf"[0-9]+(?:\.[0-9]+)*|[a-z]+|[{HAN}]|[^\s:\"“”()\[\]《》「」~]")
_BREAK = re.compile(r"[。!?;\n]+")
_IDIOMS = re.compile("一[天日次号年月周]|十[天日]")  # 有一天, 一次性: no numbers for sure


def reduce_chinese(text: str) -> tuple[str, ...]:
    """Return the parts of a Chinese question: characters, and other words and numbers whole.

    text: in NFKC.

    >>> reduce_chinese("请问多长时间能到账?") == reduce_chinese("多久能到账呢")
    True
    >>> reduce_chinese("能不能退货?") == reduce_chinese("能退货吗?")
    True
    >>> reduce_chinese("三十天内能退吗") == reduce_chinese("30天内能退吗?")
    True
    >>> reduce_chinese("能退货吗") == reduce_chinese("不能退货吗")
    False
    """
    lines = [" ".join(line.split()) for line in simplify_characters(text).lower().splitlines()]
    plain = "。".join(line for line in lines if line)
    while tail := _TAIL.search(ended := plain.rstrip(_ENDS)):
        plain = ended[: tail.start() + 1]
    if lead := _LEADS.match(plain):
        plain = plain[lead.end() :]
    for pattern, replacement in _REWRITTEN:
        plain = pattern.sub(replacement, plain)
    plain = _COUNTED.sub(_read_count, plain)
    is_asked = plain.endswith("?")
    plain = plain.rstrip("?!。 ~")
    plain = plain.rstrip(_SOFTENERS)
    plain = _end_choice(plain)
    if is_asked and not _ASKS.search(plain):
        plain += "吗"
    return tuple(_TOKEN.findall(_BREAK.sub("|", plain)))


def _read_count(match: re.Match[str]) -> str:
    value = parse_numeral(match[1])
    if value is None or _IDIOMS.match(match[1] + match.string[match.end() : match.end() + 1]):
        return match[0]
    return str(int(value)) if value == int(value) else str(value)


def _end_choice(plain: str) -> str:
    """Write "can or cannot" as a question that ends as such; where there is one of them."""
    choices = list(_CHOICE.finditer(plain))
    if len(choices) != 1 or plain.endswith(("吗", "么")):
        return plain
    choice = choices[0]
    kind = choice.lastgroup or ""
    return f"{plain[: choice.start()]}{_CHOSEN[kind]}{plain[choice.end() :]}吗"
