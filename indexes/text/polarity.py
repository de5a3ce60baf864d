"""Read the yes or no of a short sentence, and compare it with that of its evidence. Pure.

"Yes." shares no word with anything, and "That is allowed." all of its words with a text that says
"is not allowed". A share of words cannot check them, so yes and no are compared. English and
Chinese.
"""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from indexes.text.contradictions import (
    HARMLESS_NEGATIONS,
    NEGATIONS,
    find_nearest_clause,
    has_negation,
)
from indexes.text.folding import normalise_text
from indexes.text.scripts import HAN
from indexes.text.tokens import drop_stopwords, tokenize_text

# Of a question's words, from which a clause speaks of just what was asked.
LEAST_QUESTION_SHARE = 0.8

_END = r"\s*(?:[,，.。!！:：;；–—-]+(?!\s*\d)\s*|$)"
_YES = (
    r"yes|yeah|yep|yup|of course|certainly|absolutely|definitely|indeed|correct|right|true|exactly"
    r"|affirmative|(?:that|this|it)(?:'s| is) (?:right|correct|true|so)"
    r"|是的?|是这样的?|对的?|没错|没问题|当然(?:是|可以|能|会|行)?|可以的?|行的?|能的?|会的?|有的?|正确|确实|的确|嗯"
)
_NO = (
    r"no|nope|never|not at all|not so|not true|(?:of course|certainly|absolutely|definitely) not"
    r"|(?:unfortunately|sadly),? (?:not|no)|(?:i'm|i am) afraid not|incorrect|wrong|false|negative"
    r"|(?:that|this|it)(?:'s| is) (?:wrong|incorrect|not (?:right|correct|true|so))"
    r"|不|不是的?|不行的?|不可以的?|不能的?|不会的?|不对的?|不可|没有|否|并非|不需要|不用|当然不(?:是|行|可以|能|会)?|错误?"
)
_AGREED = r"ok|okay|sure(?: thing)?|好的?|好吧"
_LEAD = re.compile(
    rf"\s*(?:(?P<yes>{_YES})|(?P<no>{_NO})|(?P<agreed>{_AGREED})){_END}"
    r"|\s*(?:(?P<yes_>yes)|(?P<no_>no))\s+(?=(?:you|it|they|we|i|that|this|there)\b)",
    re.IGNORECASE,
)
_SHORT = re.compile(
    r"(?<![a-z])(?:not|can|could|may|might|must|shall|should|do|does|is|are|will)(?![a-z])"
    r"|n't(?![a-z])|[是不没可能会]"
)
_ASKS = re.compile(
    r"(?:^|[,;.?!:]\s*|\band )(?:can|could|may|might|must|shall|should|do|does|did|is|are|was|were"
    r"|will|would|has|have|had|am)\b"
    r"|(?:can|could|may|do|does|is|are|will)n't |[吗嘛么][?？。!！\s]*$"
    rf"|是否|能否|可否|有无|([{HAN}])[不没]\1|可不可以"
)
_CHOICE = re.compile(rf"([{HAN}])[不没](?=\1)|可不(?=可以)|有无|\bor not\b")
_MAIN = re.compile(r"(?<![a-z])(?:not|never|cannot)(?![a-z])|n't(?![a-z])|[不没]|无法|未")
# Deny without a word of negation.
_FORBIDS = re.compile(
    r"(?<![a-z])(?:prohibit\w*|forbid\w*|forbad\w*|ban(?:s|ned)|disallow\w*|refus\w*|reject\w*|declin\w*"
    r"|den(?:y|ies|ied)|hardly|barely"
    r"|exclud\w*|impossible|unavailable|unsupported|ineligible|invalid|void|unable)(?![a-z])"
    r"|拒绝|谢绝|除外|失效|作废"
)
_ONLY = re.compile(r"(?<![a-z])(?:only|solely|exclusively)(?![a-z])|仅|只[有限能]")


@dataclass(frozen=True, slots=True)
class Stance:
    """A yes or no at the beginning of a sentence: "Yes, …", "不行。…".

    affirms: None where it begins with neither. rest: what follows. agreed: it may be no more than
    an "OK".
    """

    affirms: bool | None
    rest: str
    agreed: bool = False


def read_stance(claim: str) -> Stance:
    """Split a sentence into a yes or no and what follows.

    >>> read_stance("Yes, you may.")
    Stance(affirms=True, rest='you may.', agreed=False)
    >>> read_stance("不行。").affirms
    False
    >>> read_stance("No. 5 is left.").affirms
    """
    lead = _LEAD.match(claim)
    if lead is None:
        return Stance(None, claim)
    affirms = not (lead["no"] or lead["no_"])
    return Stance(affirms, claim[lead.end() :], bool(lead["agreed"]))


def is_yes_no_question(question: str) -> bool:
    """Tell whether a question can be answered by yes or no.

    >>> is_yes_no_question("May I return it?"), is_yes_no_question("能不能退")
    (True, True)
    >>> is_yes_no_question("How do I return it?")
    False
    """
    return bool(_ASKS.search(normalise_text(question)))


def read_yes_no(claim: str, question: str) -> bool | None:
    """Read a sentence that has no words of its own: yes, no, or None where it is neither.

    >>> read_yes_no("Yes, you may.", ""), read_yes_no("不可以。", ""), read_yes_no("For you:", "")
    (True, False, None)
    """
    lead = read_stance(claim)
    if lead.agreed and not is_yes_no_question(question):
        return None
    says = not has_negation(lead.rest) if _SHORT.search(normalise_text(lead.rest)) else None
    if lead.affirms is None or says is None:
        return says if lead.affirms is None else lead.affirms
    return says


def denies_something(text: str) -> bool:
    """Tell whether a text denies or forbids something.

    >>> denies_something("Dogs are not let in."), denies_something("谢绝自带酒水")
    (True, True)
    >>> denies_something("Dogs are welcome.")
    False
    """
    return has_negation(text) or bool(_FORBIDS.search(normalise_text(text)))


def denies_question(text: str, question: str) -> bool | None:
    """Tell whether a text denies what a question asks; None where that cannot be told.

    >>> denies_question("Smoking is not allowed.", "Is smoking allowed?")
    True
    >>> denies_question("Smoking is prohibited.", "Is smoking prohibited?")
    False
    """
    question_plain = HARMLESS_NEGATIONS.sub(" ", _CHOICE.sub(" ", normalise_text(question)))
    text_plain = HARMLESS_NEGATIONS.sub(" ", normalise_text(text))
    if _MAIN.search(question_plain) or (
        _ONLY.search(text_plain) and not _ONLY.search(question_plain)
    ):
        return None
    negations = Counter(NEGATIONS.findall(text_plain)) - Counter(NEGATIONS.findall(question_plain))
    return (
        bool(negations) ^ bool(_FORBIDS.search(text_plain)) ^ bool(_FORBIDS.search(question_plain))
    )


def pieces_agree(affirms: bool, pieces: Iterable[str], question: str) -> bool:  # noqa: FBT001, a yes or a no
    """Tell whether all pieces of a text say the same yes or no to a question."""
    sides = {
        denies_question(find_nearest_clause(question, piece) or piece, question) for piece in pieces
    }
    return sides == {not affirms}


def contradicts_polarity(claim: str, evidence: str, question: str) -> bool:
    """Tell whether a sentence says yes to what its evidence denies, or no to what it affirms.

    Either by how it begins, or because it says nothing beyond the question.

    >>> evidence = "Smoking is not allowed here."
    >>> contradicts_polarity("That is allowed.", evidence, "Is smoking allowed?")
    True
    >>> question = "Do I have to pay for shipping?"
    >>> contradicts_polarity("No, shipping is free.", "Shipping is free.", question)
    False
    """
    clause = find_nearest_clause(question, evidence)
    if clause is None or not is_yes_no_question(question):
        return False
    denied = denies_question(clause, question)
    if denied is None:
        return False
    lead = read_stance(claim)
    question_words = set(drop_stopwords(tokenize_text(question)))
    share = len(question_words & set(tokenize_text(clause))) / len(question_words)
    if (
        lead.affirms is not None
        and not lead.agreed
        and share >= LEAST_QUESTION_SHARE
        and lead.affirms == denied
    ):
        return True
    own = set(drop_stopwords(tokenize_text(lead.rest)))
    return (
        bool(own) and own <= question_words and denies_question(lead.rest, question) == (not denied)
    )
