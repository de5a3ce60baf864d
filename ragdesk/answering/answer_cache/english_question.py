"""The parts of an English question that carry its meaning, in their order. Pure."""

import re
from typing import Final

# In their order. Each is another way to write the same, or says nothing.
_REWRITTEN: Final = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"[‘’`´]", "'"),
        (r"\b(can)not\b", r"\1 not"),
        (r"\bcan't\b", "can not"),
        (r"\bwon't\b", "will not"),
        (r"\bshan't\b", "shall not"),
        (r"n't\b", " not"),
        (r"\b(i)'m\b", r"\1 am"),
        (r"\b(what|how|where|when|who|that|it|there|here|which)'s\b", r"\1 is"),
        (r"'re\b", " are"),
        (r"'ve\b", " have"),
        (r"'ll\b", " will"),
        (r"\bi'd (?=like|love|want|prefer)", "i would "),
        (r"(?<=[0-9])[- ]?(?:percent|per cent)\b", "%"),
        (r"(?<=[0-9]),(?=[0-9]{3}(?![0-9]))", ""),
        (r"(?<=[0-9])-(?=[a-z]{3})", " "),
        (r"\be-mail", "email"),
        (r"\bwi-fi\b", "wifi"),
        (r"\b(?:log|sign)[- ]?in(?=to\b)", "login "),
        (r"\blog[- ]in\b", "login"),
        (r"\b(cance)ll(ed|ing|s?)\b", r"\1l\2"),
        (r"\b(col|fav|hon)our", r"\1or"),
        (r"\b(cent)re(s?)\b", r"\1er\2"),
        (r"\blicence", "license"),
        (r"\b(organ|real|author|custom|recogn)is(?=e|ing|ation)", r"\1iz"),
    )
)
_GREETING = (
    r"(?:hi|hello|hey|dear|greetings|good (?:morning|afternoon|evening|day))"
    r"(?: (?:there|team|all|everyone|everybody|support|guys|sir|madam|sir or madam))?"
)
_ASKING = (
    r"(?:can|could|would|will) you (?:please |kindly |maybe |possibly )?"
    r"(?:tell me|let me know(?! (?:when|if|once|as))|explain(?: to me)?|advise(?: me)?)"
    r"|(?:i|we) (?:want|need|wanted|needed|would like|would love) to"
    r" (?:know|find out|ask(?! (?:for|to|you)))"
    r"|(?:please )?(?:tell me|let me know(?! (?:when|if|once|as)))|do you know"
    r"|(?:may|can|could) i ask(?! (?:for|to|you))"
    r"|(?:i am|i was|we are|we were|just|i am just|i was just) wondering"
    r"|(?:i have|i have got|i had|just|got) a (?:quick |short |simple )?question|quick question"
    r"|(?:i am|i was) (?:curious|not sure)|excuse me|sorry to bother you|sorry|any idea"
)
# At the beginning, again and again: greetings, and that one asks.
_LEADS = re.compile(rf"(?:(?:{_GREETING}|{_ASKING}|please|kindly|so|and|ok|okay)\b[ ,.:;!–—-]*)+")
_TAIL = re.compile(
    r"\b(?:please|thx|cheers|(?:many )?thanks(?: (?:a lot|so much|in advance|again))?"
    r"|thank you(?: (?:very much|so much|in advance))?)$"
)
_ENDS = " ,.:;!?–—-"
_PLEASE = re.compile(r"\bplease\b")
_HOW_TO = re.compile(r"\bhow (?:do|can|could) i\b|\bhow i (?:can|could)\b|\bhow to\b")
_MAY_ONE = re.compile(
    r"\b(?:can|could|may) (i|we)\b(?! have\b)|\bam (i) able to\b|\bis it possible (?:for me )?to\b"
)
_TOKEN = re.compile(
    r"[0-9]+(?:\.[0-9]+)*|[a-z\u00df-\u024f]+(?:'[a-z]+)?|[.!?;\n]+|[^\sa-z0-9,\"“”()\[\]]"
)
_ACCENTS = re.compile("[\u00df-\u024f\u0370-\u1fff]")
_ENGLISH = re.compile(  # of words that other languages do not have
    r"\b(?:the|how|what|when|where|which|who|why|can|could|does|did|is there|are|my|your|i|it|you"
    r"|with|for|from|please|cancel|have|would|should)\b"
)
_BREAK = re.compile(r"[.!?;\n]+")
_ARTICLES = frozenset({"a", "an", "the"})
_WH = "what which who whom whose when where why how"
_VERBS = "is are am was were can could will would should shall must may might did has have had"
_AUXILIARIES = frozenset(_VERBS.split())
_DO = frozenset({"do", "does"})
_WH_WORDS = frozenset(_WH.split())
_QUESTION_WORDS = _WH_WORDS | _DO | {"how-to", "may-one"}
# Other words when they begin with a capital, or are in capitals: names, countries, months.
_CASED = re.compile(
    r"\b(?:A|US|IT|WHO|AM|PM|OR|IN|May|Will|March|Mark|Turkey|China|Polish|Apple|Amazon|Windows|Word"
    r"|Teams|Square|Target|Visa|Chase|Discover|Gap|Orange|Shell|Slack|Zoom|Meta|Swift|SWIFT|Plus|Pro"
    r"|Edge|Prime|Pay|Wish|Best|Access|Outlook|Drive|Wise|Notes|Pages|Numbers|Home|Family|Business)\b"
)
_SMALL = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen"
    " fifteen sixteen seventeen eighteen nineteen"
)
_DECADES = "twenty thirty forty fifty sixty seventy eighty ninety"
_COUNTS = {word: number for number, word in enumerate(_SMALL.split())}
_TENS = {word: 10 * tens for tens, word in enumerate(_DECADES.split(), 2)}
# Words that are others without their s.
_WITH_S = (
    "customs goods news glasses works savings earnings terms arms means contents premises does this"
    " his hers its ours yours theirs has was is as us gas bus plus yes always perhaps less unless"
    " across towards besides thus minus series species business express address process access"
    " windows teams pages numbers notes airways stocks bonds options futures securities shorts"
    " details returns sales funds credits damages proceeds rights interests manners brains"
)
_NO_PLURALS = frozenset(_WITH_S.split())


def reduce_english(text: str) -> tuple[str, ...]:
    """Return the parts of an English question, in lower case; none of what is not English.

    The first auxiliary verb stands last: "when will it come" is "when it will come".

    >>> reduce_english("Hello, when will the parcel arrive?")
    ('when', 'parcel', 'arrive', '+will')
    >>> reduce_english("I'd like to know when my parcel'll arrive, thanks!")
    ('when', 'my', 'parcel', 'arrive', '+will')
    >>> reduce_english("Can I pay thirty euros?") == reduce_english("Can I pay 30 euros?")
    True
    >>> reduce_english("Can't I pay 30 euros?") == reduce_english("Can I pay 30 euros?")
    False
    """
    plain = _mark_names(text.strip()).lower()
    if not _ENGLISH.search(plain) or _ACCENTS.search(plain):
        return ()
    for pattern, replacement in _REWRITTEN:
        plain = pattern.sub(replacement, plain)
    while tail := _TAIL.search(ended := plain.rstrip(_ENDS)):
        plain = ended[: tail.start()].rstrip(" ,–—-")
    if lead := _LEADS.match(plain):
        plain = plain[lead.end() :]
    plain = _PLEASE.sub(" ", plain)
    plain = _HOW_TO.sub(" how-to ", plain)
    plain = _MAY_ONE.sub(_may_one, plain)
    plain = plain.replace("how-to", "howto").replace("may-one", "mayone")
    tokens = [
        token.replace("howto", "how-to").replace("mayone", "may-one")
        for token in _TOKEN.findall(plain)
    ]
    return tuple(_lift_auxiliary(_drop_articles(_read_numbers(_end_marks(tokens)))))


def _mark_names(text: str) -> str:
    """Put a mark before words that are names with a capital, and others without.

    In a text of capitals alone, or as the first word, nothing tells them apart.
    """
    if text.isupper():
        return text
    first = re.match(r"\W*\w+", text)
    start = first.end() if first else 0
    return text[:start] + _CASED.sub(lambda match: f"^{match[0]}", text[start:])


def _may_one(match: re.Match[str]) -> str:
    return f" may-one {match[1] or match[2] or 'i'} "


def _end_marks(tokens: list[str]) -> list[str]:
    """Make every end of a sentence one mark; none at the end of what is a question anyway."""
    marked = ["|" if _BREAK.fullmatch(token) else token for token in tokens]
    is_asked = bool(tokens) and "?" in tokens[-1]
    while marked and marked[-1] == "|":
        marked.pop()
    while marked and marked[0] == "|":
        marked.pop(0)
    last = marked[len(marked) - marked[::-1].index("|") :] if "|" in marked else marked
    opens = bool(last) and (last[0] in _QUESTION_WORDS or last[0] in _AUXILIARIES)
    if is_asked and not opens:
        marked.append("?")
    return marked


def _read_numbers(tokens: list[str]) -> list[str]:
    """Write numbers below a hundred in digits."""
    written: list[str] = []
    joins = False
    for token in tokens:
        if token == "-" and joins:  # noqa: S105, twenty-five
            continue
        if token in _TENS:
            written.append(str(_TENS[token]))
            joins = True
            continue
        if token in _COUNTS:
            count = _COUNTS[token]
            if joins and 1 <= count <= 9:  # noqa: PLR2004, the last digit
                written[-1] = str(int(written[-1]) + count)
            else:
                written.append(str(count))
        else:
            written.append(token)
        joins = False
    return written


def _drop_articles(tokens: list[str]) -> list[str]:
    """Leave articles out, and the s of plurals and verbs.

    The last word is no article, and "a few" and "a little" are not "few" and "little".
    """
    following = [*tokens[1:], ""]  # of no tokens, too
    words = [
        token
        for token, after in zip(tokens, following, strict=False)
        if token not in _ARTICLES or after in {"", "few", "little"}
    ]
    return [_drop_plural(token) for token in words]


def _drop_plural(word: str) -> str:
    if len(word) < 4 or not word.endswith("s") or word in _NO_PLURALS:  # noqa: PLR2004
        return word
    if word.endswith(("ss", "us", "is", "'s")):
        return word
    if word.endswith("ies") and len(word) > 4:  # noqa: PLR2004
        return word[:-3] + "y"
    if word.endswith(("ches", "shes", "xes", "sses")):
        return word[:-2]
    return word[:-1]


def _lift_auxiliary(tokens: list[str]) -> list[str]:
    """Behind a question word, put the first auxiliary verb at the end, and leave out one "do"."""
    first = next((t for t in tokens if t in _QUESTION_WORDS or t in _AUXILIARIES), None)
    if first not in _WH_WORDS:
        return tokens
    place = next((i for i, t in enumerate(tokens) if t in _AUXILIARIES or t in _DO), None)
    if place is None:
        return tokens
    rest = [*tokens[:place], *tokens[place + 1 :]]
    return rest if tokens[place] in _DO else [*rest, f"+{tokens[place]}"]
