"""What operators set of whom people turn to."""

import re
from dataclasses import dataclass
from typing import Final

from indexes.text.scripts import HAN

# No word stands between Han characters and a number or a Latin word: these end at each other.
OTHER_LETTER: Final = rf"[^\W{HAN}]"
WEB_ADDRESS = re.compile(r"https?://[^\s\"<>]+")
EMAIL_ADDRESS = re.compile(
    rf"(?<!{OTHER_LETTER})(?<![.+-])[A-Za-z0-9_.+-]{{1,64}}+"
    rf"@[A-Za-z0-9-]{{1,63}}+(?:\.[A-Za-z0-9-]{{1,63}}+){{1,4}}(?!{OTHER_LETTER})"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactOptions:
    """Whom people can turn to: named wherever the documents do not answer.

    text: a sentence of your own that goes before the rest, such as where people find you.
    phone: number to call.
    email: address to write to.
    hours: when somebody answers, such as ``Mon to Fri, 9:00 to 17:00``.
    url: address of a page to go to, such as ``https://example.com/help``.
    document: uri of a document of the collection that says all this: what is not set here is taken
        from its lines. Everybody must be allowed to see it.
    """

    text: str = ""
    phone: str = ""
    email: str = ""
    hours: str = ""
    url: str = ""
    document: str = ""

    def __post_init__(self) -> None:
        for name in ("phone", "email", "hours"):
            if getattr(self, name).splitlines() not in ([], [getattr(self, name)]):
                raise ValueError(f"{name} must be one line")
        if self.url and not WEB_ADDRESS.fullmatch(self.url):
            raise ValueError("url must be an address that begins with http:// or https://")
        if self.email and not EMAIL_ADDRESS.fullmatch(self.email):
            raise ValueError("email must be an address such as help@example.com")
        if self.phone and not re.search(r"[0-9]", self.phone):
            raise ValueError("phone must hold a number, in the digits 0 to 9")
