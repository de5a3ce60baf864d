"""Whom people turn to where the documents do not help: as set, or as a document says.

An operator writes phone, e-mail, hours or the address of a page into the settings, or names the
document of the collection that holds them: what is not set is taken from its lines.
"""

import re
from dataclasses import dataclass, replace
from typing import Final

from indexes.text.folding import normalise_text
from ragdesk.answering.answer import StepLink
from ragdesk.answering.contact_options import EMAIL_ADDRESS, OTHER_LETTER, ContactOptions

LONGEST_HOURS_LINE: Final = 160  # characters of a line that may say when somebody answers
_PHONE = re.compile(
    rf"(?<!{OTHER_LETTER})(?<![.,/$€£¥-])(?:\+|\(0?[0-9])?[0-9][0-9 ()/.-]{{4,20}}[0-9]"
    rf"(?!{OTHER_LETTER}|[/-]|[., ][0-9])"
    r"(?! ?(?:people|persons?|customers?|users?|calls|callers|times|euros?|eur|usd|dollars?)\b)"
    r"(?! ?[%$€£¥人次元名位个])"
)
_AMOUNT = re.compile(
    r"[1-9][0-9]?([ .])[0-9]{3}(?:\1[0-9]{3})*|[1-9][0-9]{2}(?:[ .][0-9]{3})*[ .]000"
)
_DATE = re.compile(
    r"(?:19|20)[0-9]{2}([-/.])[0-9]{1,2}\1[0-9]{1,2}|[0-9]{1,2}([-/.])[0-9]{1,2}\2(?:19|20)[0-9]{2}"
)
_PHONE_CUE = re.compile(
    r"(?<![a-z])(?:phone|tel|telephone|call|hotline|helpline|helpdesk|dial)(?![a-z])"
    r"|电话|热线|致电|拨打|座机"
)
_DAY = re.compile(
    r"(?<![a-z])(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:days?)?(?![a-z])"
    r"|(?<![a-z])(?:(?:week)?days?|daily)(?![a-z])"
    r"|工作日|周[一二三四五六日末]|星期[一二三四五六日天]|每[天日]|节假日"
)
_TIME = re.compile(
    rf"(?<!{OTHER_LETTER})[0-9]{{1,2}}(?::[0-9]{{2}}| ?[ap]\.?m)(?!{OTHER_LETTER})"
    r"|[0-9]{1,2} ?[点时]|24 ?(?:hours|小时)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """What is known of whom to turn to; each empty where it is not known."""

    text: str = ""
    phone: str = ""
    email: str = ""
    hours: str = ""
    url: str = ""

    @property
    def is_empty(self) -> bool:
        return not (self.text or self.phone or self.email or self.url)

    def list_links(self) -> tuple[StepLink, ...]:
        """Return what can be called, written to or opened.

        >>> [link.href for link in Contact(phone="+33 (0)4 12", email="a@b.org").list_links()]
        ['tel:+330412', 'mailto:a@b.org']
        """
        links = []
        if self.phone:
            digits = re.sub(r"[^0-9+]", "", self.phone)
            links.append(StepLink(title=self.phone, href=f"tel:{digits}"))
        if self.email:
            links.append(StepLink(title=self.email, href=f"mailto:{self.email}"))
        if self.url:
            links.append(StepLink(title=self.url, href=self.url))
        return tuple(links)


def find_contact(text: str) -> Contact:
    r"""Find phone, e-mail and hours in the lines of a document: the first of each.

    >>> contact = find_contact("Help\nCall 0800 123 456, Mon to Fri 9:00 to 17:00.\nor a@b.org")
    >>> contact.phone, contact.email, contact.hours
    ('0800 123 456', 'a@b.org', 'Call 0800 123 456, Mon to Fri 9:00 to 17:00.')
    """
    contact = Contact()
    for line in (part.strip(" \t|-*#>") for part in text.split("\n")):
        plain = normalise_text(line)
        if not contact.email and (email := EMAIL_ADDRESS.search(line)):
            contact = replace(contact, email=email.group().rstrip("."))
        if not contact.phone and (phone := _find_phone(plain)):
            contact = replace(contact, phone=phone)
        if not contact.hours and len(line) <= LONGEST_HOURS_LINE and _says_hours(plain):
            contact = replace(contact, hours=line)
    return contact


def combine_contact(options: ContactOptions, document_text: str = "") -> Contact:
    """Return the contact that is set; what is not set comes from the text of a document.

    >>> combine_contact(ContactOptions(phone="110"), "Call 120 456 or a@b.org").phone
    '110'
    """
    lines = find_contact(document_text)
    return Contact(
        text=options.text,
        phone=options.phone or lines.phone,
        email=options.email or lines.email,
        hours=options.hours or lines.hours,
        url=options.url,
    )


def _find_phone(plain: str) -> str:
    """Return the number of a normalised line that speaks of calling, or that begins with a plus."""
    numbers = [match.group() for match in _PHONE.finditer(plain)]
    numbers = [n for n in numbers if not _DATE.fullmatch(n) and not _AMOUNT.fullmatch(n)]
    if not _PHONE_CUE.search(plain):
        numbers = [number for number in numbers if number.startswith("+")]
    return next((n for n in numbers if sum(c.isdigit() for c in n) >= 5), "")  # noqa: PLR2004


def _says_hours(plain: str) -> bool:
    return bool(_DAY.search(plain) and _TIME.search(plain))
