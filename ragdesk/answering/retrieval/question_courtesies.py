"""Strip what stands around a short question and asks nothing: greetings, who asks, thanks. Pure.

A word that no passage holds makes a question less likely to be answered, and a name or an e-mail
address is such a word. So the same question was refused to one customer and answered to another.
What may carry meaning stays: "I am a business customer", "I live in Norway".
"""

import re
from typing import Final

from indexes.text.scripts import HAN
from indexes.text.sentences import split_sentences
from indexes.text.tokens import drop_stopwords, tokenize_text

_END = r"[\s,.!;:，。！；：~～、—–]"
_NAME_PART = r"[^\W\d_a-z][\w'’.-]{0,30}"
_NAME = rf"{_NAME_PART}(?: (?:{_NAME_PART}|al|bin|da|de|del|dos|el|la|van|von|zu)){{0,3}}"
_TWO_NAMES = rf"{_NAME_PART}(?: (?:{_NAME_PART}|al|bin|da|de|del|dos|el|la|van|von|zu)){{1,3}}"
_STOP = r"(?<![\s.])\s?(?:[.,;:!—–]|-(?= )|(?= and\b))(?:\s|$)"
_PREAMBLES: Final = (
    re.compile(
        r"(?:hi|hiya|hello|hey|greetings|good (?:morning|afternoon|evening|day))\b"
        r"(?:,? (?:there|again|dear|all|everyone|team|folks|guys|sir|madam|support|sir or madam)\b)"
        rf"{{0,3}}(?:{_END}|$)++(?:this is (?-i:{_NAME}){_STOP})?",
        re.IGNORECASE,
    ),
    re.compile(
        r"dear (?:sir or madam|sirs?|madam|team|all|support|customer (?:service|care))\b"
        rf"(?: team\b)?{_END}++",
        re.IGNORECASE,
    ),
    re.compile(
        r"(?:sorry (?:to|for) (?:bother|disturb|troubl)\w{0,4}(?: you)?(?: again)?|excuse me"
        r"|pardon me|i (?:do )?hope (?:this|you|all)\b[^.?!,]{0,60}?\b(?:well|day|week|weekend))"
        r"[,.!]\s*",
        re.IGNORECASE,
    ),
    re.compile(
        rf"(?:(?i:my name is|my name's) {_NAME}"
        rf"|(?i:i am|i'm|i’m|it's|it’s) {_TWO_NAMES}"
        rf"|{_NAME} (?i:here|speaking|writing)){_STOP}(?:(?i:and )|\s)*"
    ),
    re.compile(
        r"my (?:e-?mail|mail)(?: address)? is [^\s@]{1,64}@[^\s@]{1,200}(?:\s|$)", re.IGNORECASE
    ),
    re.compile(
        r"(?:[您你]们?好|哈[喽啰]|嗨|(?:早上|上午|中午|下午|晚上|大家)好|亲|在吗|客服)[啊呀哦哟]?"
        rf"(?:{_END}++|(?=[请請]?[问問]|我))|在[吗嗎][?？]\s*+"
    ),
    re.compile(
        r"(?:不好意思|打[扰擾](?:一?下|了|[您你]了?)?|麻[烦煩](?:[您你])?(?:一?下|了)?|[劳勞][烦煩])"
        rf"(?:{_END}++|(?=[请請]?[问問]))"
    ),
    re.compile(
        r"我?(?:想要?)?(?:[请請](?:[问問]|教)|(?:想|要)[问問](?=[一下,，:：])|[问問](?=一?下))"
        r"(?:[您你]?们?(?:一?下[啊呀]?[\s,，:：、。]*+|[,，:：]))?[\s,，:：、。]*+"
    ),
)
_SURNAMES = (
    "王李张張刘劉陈陳杨楊赵趙黄黃周吴吳徐孙孫胡朱高林何郭马馬罗羅梁宋郑鄭谢謝韩韓唐冯馮于董萧蕭程曹袁邓鄧"
    "许許傅沈曾彭吕呂苏蘇卢盧蒋蔣蔡贾賈丁魏薛叶葉阎閻余潘杜戴夏钟鍾汪田任姜范方石姚谭譚廖邹鄒熊金陆陸郝孔白"
    "崔康毛邱秦江史顾顧侯邵孟龙龍万萬段雷钱錢汤湯尹黎易常武乔喬贺賀赖賴龚龔文"
)
_ROLE = "客户戶员員生人师師家主商者公司企业業店用的买買会會学學第新老"  # none of a name
_HAN_NAME = re.compile(
    rf"我(?:叫|是|的名字[是叫])(?P<name>[{HAN}·•]{{1,16}}?)(?P<title>女士|先生|小姐|太太)?"
    r"[,，。.！!；;\s]++"
)
_LONGEST_SURNAMED: Final = 3  # characters of a name that begins with a usual surname
_CLOSINGS: Final = re.compile(
    r"(?:(?:many|kind|best|warm|with|and) ){0,3}"
    r"(?:thanks?(?: you)?|thx|regards|wishes|cheers|sincerely|yours(?: \w{1,12})?)"
    r"(?:,? (?:so|very|ever|much|lots?|a lot|a million|a bunch|again|in advance|indeed"
    r"|for (?:your|the|all|any) (?:\w{1,12} )?(?:help|time|support|reply|advice|patience)))*+"
    rf"[\s,.!—–-]*+(?:(?-i:{_NAME}))?[\s.!]*+"
    r"|(?:非常|十分|先)?(?:谢谢|謝謝|多谢|多謝|感谢|感謝|麻烦|麻煩|辛苦)[您你们們啦了哈大家各位！!。.~～,，\s]*+",
    re.IGNORECASE,
)
_TAIL = re.compile(
    r"[,，] ?(?:谢谢|謝謝|多谢|多謝|thanks|thank you|please|pls)[您你啦了]?[!！.。~～]*+$",
    re.IGNORECASE,
)
_ADDRESS = re.compile(r"[^\s@<>(),;:：，。]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,4}")
_ASKS = re.compile(r"[?？]\s*$")


def strip_introduction(text: str) -> str:
    """Strip greetings, the asker's name and address, and thanks; not where no more would be left.

    >>> strip_introduction("Hello, this is Ada Obi. How long may I keep it? Thanks a lot!")
    'How long may I keep it?'
    >>> strip_introduction("您好，我是张伟。请问多久到货？谢谢！")
    '多久到货？'
    >>> strip_introduction("Hi, I am a business customer. May I return it?")
    'I am a business customer. May I return it?'
    >>> strip_introduction("Hello!")
    'Hello!'
    """
    question = _strip_closings(_strip_addresses(_strip_preambles(text.strip())))
    return question if drop_stopwords(tokenize_text(question)) else text


def _strip_preambles(text: str) -> str:
    while True:
        rest = _strip_han_name(text)
        for preamble in _PREAMBLES:
            rest = rest[match.end() :] if (match := preamble.match(rest)) else rest
        if rest == text:
            return text
        text = rest.lstrip()


def _strip_han_name(text: str) -> str:
    """Strip 我是张伟 and leave 我是企业客户: a usual surname, a dot or no word of a role."""
    match = _HAN_NAME.match(text)
    if match is None:
        return text
    name, is_called = match["name"], not match[0].startswith("我是")
    surnamed = name[0] in _SURNAMES and len(name) <= _LONGEST_SURNAMED and name[-1] not in _ROLE
    foreign = any(dot in name for dot in "·•")
    unlike_role = len(name) > _LONGEST_SURNAMED and not set(name) & set(_ROLE)
    if is_called or match["title"] or surnamed or foreign or unlike_role:
        return text[match.end() :]
    return text


def _strip_closings(text: str) -> str:
    spans = split_sentences(text)
    while len(spans) > 1 and _CLOSINGS.fullmatch(text[spans[-1][0] : spans[-1][1]].strip()):
        spans = spans[:-1]
    return _TAIL.sub("", text[: spans[-1][1]].rstrip()) if spans else text


def _strip_addresses(text: str) -> str:
    """Take e-mail addresses out of sentences that ask nothing: they say who asks."""
    if "@" not in text:
        return text
    spans = split_sentences(text)
    sentences = [text[start:end].strip() for start, end in spans]
    if len(sentences) < 2:  # noqa: PLR2004 (one sentence asks)
        return text
    return " ".join(s if _ASKS.search(s) else _ADDRESS.sub("", s) for s in sentences)
