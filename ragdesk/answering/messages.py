"""The fixed sentences of the desk, in both languages, in one place."""

from collections.abc import Mapping, Sequence
from typing import Final

from ragdesk.answering.answer import AnswerReason
from ragdesk.answering.contact import Contact
from ragdesk.answering.lookup_result import LookupStatus

FALLBACK_LANGUAGE: Final = "en"

NO_ANSWER_TEXT: Final = {
    "en": "The documents do not answer this question.",
    "zh": "现有文档没有回答这个问题。",
}

UNSUPPORTED_TEXT: Final = {
    "en": "An answer was written, but the documents do not bear it out. Please see the sources.",
    "zh": "生成的回答没有得到文档的支持，请直接查看来源。",
}

DIFFERING_TEXT: Final = {
    "en": "The documents differ on this:",
    "zh": "文档对此的说法不一致：",
}

# What is said to a turn that asks the documents nothing.
TURN_TEXTS: Final[Mapping[AnswerReason, Mapping[str, str]]] = {
    AnswerReason.GREETING: {
        "en": "Hello! What would you like to know?",
        "zh": "您好！请问想了解什么？",
    },
    AnswerReason.THANKS: {
        "en": "You are welcome!",
        "zh": "不客气！",
    },
    AnswerReason.GOODBYE: {
        "en": "Goodbye, and all the best!",
        "zh": "再见，祝您一切顺利！",
    },
    AnswerReason.WANTS_PERSON: {
        "en": "You would like to talk to a person.",
        "zh": "您想联系人工客服。",
    },
    AnswerReason.COMPLAINT: {
        "en": "I am sorry about this. I can only tell what the documents say.",
        "zh": "很抱歉给您带来了不好的体验。我只能告诉您文档里的内容。",
    },
    AnswerReason.SAFETY: {
        "en": "Your safety comes first. The documents here say nothing about this.",
        "zh": "安全第一。这里的文档没有提到这种情况。",
    },
    AnswerReason.NEEDS_ACCOUNT: {
        "en": "I cannot look into orders or accounts; the documents here do not tell.",
        "zh": "我看不到订单和账户的信息，这里的文档也没有记录。",
    },
    AnswerReason.OUT_OF_SCOPE: NO_ANSWER_TEXT,
}

# What to do after an answer that is no plain one.
NEXT_STEP_TEXTS: Final[Mapping[AnswerReason, Mapping[str, str]]] = {
    AnswerReason.NO_PASSAGE: {
        "en": "Try other words, or name the product, rule or code that you mean.",
        "zh": "请换个说法试试，或写出您想问的产品、制度或代码。",
    },
    AnswerReason.NEAR_MISS: {
        "en": "The sources named here come closest; other words may help, too.",
        "zh": "这里列出的资料最接近您的问题，也可以换个说法再问。",
    },
    AnswerReason.OUT_OF_SCOPE: {
        "en": "I answer from the documents here, and this seems to be about something else.",
        "zh": "我只根据这里的文档回答，而这个问题似乎与它们无关。",
    },
    AnswerReason.GREETING: {
        "en": "Just ask a question, in English or Chinese.",
        "zh": "直接提问即可，中文、英文都可以。",
    },
    AnswerReason.THANKS: {
        "en": "If anything else comes up, just ask.",
        "zh": "还有其他问题，随时问我。",
    },
    AnswerReason.GOODBYE: {
        "en": "Come back whenever you have a question.",
        "zh": "有问题欢迎随时再来。",
    },
    AnswerReason.WANTS_PERSON: {
        "en": "Meanwhile I can look things up in the documents for you.",
        "zh": "在此期间，我可以帮您查阅文档。",
    },
    AnswerReason.COMPLAINT: {
        "en": "A person should look into it. If a rule or a deadline helps you, ask me for it.",
        "zh": "建议由工作人员为您处理。如果想了解相关规定或期限，可以直接问我。",
    },
    AnswerReason.SAFETY: {
        "en": "Get yourself and others to safety first. If anyone is hurt or in danger, call the "
        "emergency number now. Then tell a person in charge.",
        "zh": "请先确保自己和他人的安全。如有人受伤或仍有危险，请立即拨打急救或报警电话，"
        "然后告知负责人员。",
    },
    AnswerReason.NEEDS_ACCOUNT: {
        "en": "Look into your account or your confirmation message, or ask a person.",
        "zh": "请查看您的账户或确认通知，或联系人工客服。",
    },
    AnswerReason.AMBIGUOUS: {
        "en": "Choose the one that you mean, or name it in your question.",
        "zh": "请选择您指的那一个，或在问题里写明。",
    },
    AnswerReason.UNSUPPORTED: {
        "en": "Open the sources named here to read for yourself.",
        "zh": "请打开这里列出的资料查看原文。",
    },
}

# What is said of a lookup that gave no fact, and what to do then.
LOOKUP_TEXTS: Final[Mapping[LookupStatus, Mapping[str, str]]] = {
    LookupStatus.NOT_FOUND: {
        "en": "Nothing was found under {value} in your account.",
        "zh": "在您的账户下没有查到 {value}。",
    },
    LookupStatus.NEEDS_ACCOUNT: {
        "en": "To see how things stand with {value}, sign in to your account.",
        "zh": "查询 {value} 的最新情况需要先登录您的账户。",
    },
    LookupStatus.UNAVAILABLE: {
        "en": "How things stand with {value} cannot be looked up right now.",
        "zh": "目前无法查询 {value} 的最新情况。",
    },
    LookupStatus.LIMITED: {
        "en": "Only a few numbers can be looked up in a minute, so {value} was not.",
        "zh": "每分钟只能查询几个号码，所以没有查询 {value}。",
    },
    LookupStatus.NEEDS_VALUE: {
        "en": "Which one do you mean? With its number I can look it up.",
        "zh": "您指的是哪一个？告诉我号码，我就可以查询。",
    },
}
LOOKUP_STEP_TEXTS: Final[Mapping[LookupStatus, Mapping[str, str]]] = {
    LookupStatus.NOT_FOUND: {
        "en": "Check the number in your confirmation message, or ask a person.",
        "zh": "请核对确认通知中的号码，或联系人工客服。",
    },
    LookupStatus.NEEDS_ACCOUNT: {
        "en": "Sign in to your account, and ask again.",
        "zh": "请登录您的账户后再问一次。",
    },
    LookupStatus.UNAVAILABLE: {
        "en": "Ask again in a few minutes, or ask a person.",
        "zh": "请过几分钟再问，或联系人工客服。",
    },
    LookupStatus.LIMITED: {
        "en": "Ask again in a minute.",
        "zh": "请一分钟后再问。",
    },
    LookupStatus.NEEDS_VALUE: {
        "en": "The number stands in your confirmation message.",
        "zh": "号码在您的确认通知中。",
    },
}


def localise_text(texts: Mapping[str, str], language: str) -> str:
    """Return a fixed text in a language, or in English where it has no such version.

    >>> localise_text(NO_ANSWER_TEXT, "zh")
    '现有文档没有回答这个问题。'
    >>> localise_text(NO_ANSWER_TEXT, "und") == localise_text(NO_ANSWER_TEXT, "en")
    True
    """
    return texts.get(language, texts[FALLBACK_LANGUAGE])


def format_choices(labels: Sequence[str], language: str) -> str:
    """Ask which of several is meant. labels: two or more.

    >>> format_choices(["Aurora", "Lava", "Fjord"], "en"), format_choices(["极光", "熔岩"], "zh")
    ('Which one do you mean: Aurora, Lava or Fjord?', '您指的是哪一个：极光，还是熔岩？')
    """
    if language == "zh":
        *first, last = labels
        return f"您指的是哪一个：{'、'.join(first)}，还是{last}？"
    return f"Which one do you mean: {_join_words(labels)}?"


def format_missing_part(part: str, language: str) -> str:
    """Say which part of a question the documents do not answer.

    >>> format_missing_part("what does it cost?", "en")
    'The documents do not answer this part: “what does it cost?”'
    >>> format_missing_part("多少钱", "zh")
    '文档没有回答这一部分：“多少钱”'
    """
    if language == "zh":
        return f"文档没有回答这一部分：“{part}”"
    return f"The documents do not answer this part: “{part}”"


def format_item_count(items: int, language: str) -> str:
    """Say how many items the list has that is quoted next.

    >>> format_item_count(11, "en"), format_item_count(11, "zh")
    ('This list has 11 entries:', '以下列表共有 11 项：')
    """
    return f"以下列表共有 {items} 项：" if language == "zh" else f"This list has {items} entries:"


def format_version(label: str, document: str, language: str) -> str:
    """Say of which version of a document the answer is, where there are older ones.

    >>> format_version("2026", "Tariff", "en"), format_version("2026", "收费标准", "zh")
    ('From the newest version of “Tariff” (2026):', '以最新版本“收费标准”（2026）为准：')
    """
    if language == "zh":
        return f"以最新版本“{document}”（{label}）为准："
    return f"From the newest version of “{document}” ({label}):"


def format_more_items(count: int, place: str, language: str) -> str:
    """Say how many more items a list has than were quoted, and where they stand.

    >>> format_more_items(4, "Branches", "en"), format_more_items(4, "网点", "zh")
    ('And 4 more, under “Branches”.', '另有 4 项，见“网点”。')
    """
    if language == "zh":
        return f"另有 {count} 项，见“{place}”。"
    return f"And {count} more, under “{place}”."


def format_contact(contact: Contact, language: str) -> str:
    """Name a person to turn to, and when somebody answers.

    >>> format_contact(Contact(phone="0800 1", hours="Mon to Fri, 9:00 to 17:00"), "en")
    'You can reach somebody at 0800 1 (Mon to Fri, 9:00 to 17:00).'
    >>> format_contact(Contact(text="也欢迎到店咨询。", email="a@b.cn"), "zh")
    '也欢迎到店咨询。您可以通过 a@b.cn 联系我们。'
    """
    is_chinese = language == "zh"
    places = [place for place in (contact.phone, contact.email, contact.url) if place]
    hours = contact.hours.rstrip("。.")
    if is_chinese:
        when = f"（{hours}）" if hours else ""
        sentence = f"您可以通过 {'、'.join(places)} 联系我们{when}。"
    else:
        when = f" ({hours})" if hours else ""
        sentence = f"You can reach somebody at {_join_words(places)}{when}."
    parts = [contact.text, sentence if places else hours]
    return ("" if is_chinese else " ").join(part for part in parts if part)


def _join_words(words: Sequence[str]) -> str:
    *first, last = words or ("",)
    return f"{', '.join(first)} or {last}" if first else last
