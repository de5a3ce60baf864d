"""Sentences with personal data and with look-alikes, made by a seed from Faker and patterns of ours.

``redaction_sentences/`` holds the sentences: ``open.txt`` was read while the detector was built,
``closing.txt`` was written before it and only measured at the end.
"""

import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from faker import Faker

from indexes.text.redaction.personal_span import PersonalKind, PersonalSpan

SENTENCES = Path(__file__).with_name("redaction_sentences")
ITEMS = 200  # of each language and sort
_BLANK = re.compile(r"\{(\w+)\}")
_KINDS: Mapping[str, PersonalKind] = {
    "email": "e-mail",
    "phone": "phone",
    "landline": "phone",
    "intl": "phone",
    "id": "id",
    "id15": "id",
    "passport": "id",
    "card": "card",
    "address": "address",
    "street": "address",
}
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CARD_TYPES = ("visa16", "mastercard", "amex", "discover", "jcb16", "visa19")
_MAIL_HOSTS = ("qq.com", "163.com", "126.com", "gmail.com", "outlook.com", "sina.cn", "foxmail.com")
_WIDE = {ord(digit): chr(0xFF10 + int(digit)) for digit in "0123456789"}


@dataclass(frozen=True, slots=True)
class Item:
    """A sentence, its language, and the personal data in it; none in a look-alike."""

    text: str
    language: str
    is_personal: bool
    spans: tuple[PersonalSpan, ...]


class ItemWriter:
    """Fills blanks of sentences, the same ones for the same seed."""

    def __init__(self, seed: int) -> None:
        self._dice = random.Random(seed)  # noqa: S311, a draw that can be repeated
        self._faker = {"en": Faker("en_US"), "zh": Faker("zh_CN")}
        for number, faker in enumerate(self._faker.values()):
            faker.seed_instance(seed * 10 + number)

    def write_items(self, file: Path) -> list[Item]:
        """Write 200 items of each language and sort, its sentences in turn."""
        rows = [
            line.split("\t")
            for line in file.read_text(encoding="utf-8").splitlines()
            if line and not line.startswith("#")
        ]
        items = []
        for mark in ("en", "zh", "en-", "zh-"):
            sentences = [sentence for name, sentence in rows if name == mark]
            items += [
                self._fill(sentences[n % len(sentences)], mark[:2], is_personal=len(mark) == 2)
                for n in range(ITEMS)
            ]
        return items

    def _fill(self, sentence: str, language: str, *, is_personal: bool) -> Item:
        text = ""
        spans = []
        position = 0
        for blank in _BLANK.finditer(sentence):
            text += sentence[position : blank.start()]
            value = self._make_value(blank[1], language)
            if kind := _KINDS.get(blank[1]):
                spans.append(PersonalSpan(start=len(text), end=len(text) + len(value), kind=kind))
            text += value
            position = blank.end()
        return Item(text + sentence[position:], language, is_personal, tuple(spans))

    def _make_value(self, name: str, language: str) -> str:
        own: dict[str, Callable[[str], str]] = {
            "email": self._make_email,
            "phone": self._make_phone,
            "landline": self._make_landline,
            "intl": self._make_foreign,
            "id": self._make_id,
            "id15": self._make_old_id,
            "passport": self._make_passport,
            "card": self._make_card,
            "address": self._make_address,
            "street": self._make_street,
            "name": lambda language: self._faker[language].name(),
        }
        return own[name](language) if name in own else self._make_other(name, language)

    def _digits(self, count: int, first: str = "123456789") -> str:
        rest = "".join(self._dice.choice("0123456789") for _ in range(count - 1))
        return self._dice.choice(first) + rest

    def _group(self, digits: str, *sizes: int, by: str = " ") -> str:
        groups = []
        for size in sizes:
            groups.append(digits[:size])
            digits = digits[size:]
        return by.join([*groups, digits] if digits else groups)

    def _make_email(self, language: str) -> str:
        if language == "en":
            return self._dice.choice((self._faker["en"].email, self._faker["en"].free_email))()
        local = self._dice.choice((self._faker["zh"].user_name(), self._digits(9)))
        return f"{local}@{self._dice.choice(_MAIL_HOSTS)}"

    def _make_phone(self, language: str) -> str:
        if language == "en":
            return self._faker["en"].phone_number()
        number = self._faker["zh"].phone_number()
        forms = (
            number,
            number,
            self._group(number, 3, 4),
            self._group(number, 3, 4, by="-"),
            f"+86 {number}",
            f"86{number}",
            f"+86-{number}",
            number.translate(_WIDE),
        )
        return self._dice.choice(forms)

    def _make_landline(self, _: str) -> str:
        area = self._dice.choice(("010", "021", "0755", "0571", "028", "020"))
        number = self._digits(8, "68")
        return self._dice.choice((f"{area}-{number}", f"{area}{number}", f"({area}){number}"))

    def _make_foreign(self, _: str) -> str:
        forms = (
            f"+44 7{self._digits(3, '45789')} {self._digits(6)}",
            f"+49 151 {self._digits(8)}",
            f"+1 {self._dice.choice(('212', '415', '617'))} {self._digits(3, '2345')} {self._digits(4)}",
            f"+852 {self._dice.choice('569')}{self._digits(3)} {self._digits(4)}",
            f"+65 9{self._digits(3, '1234')} {self._digits(4)}",
            f"+33 6 {self._group(self._digits(8), 2, 2, 2)}",
        )
        return self._dice.choice(forms)

    def _make_id(self, _: str) -> str:
        head = self._faker["zh"].ssn()[:17]
        total = sum(int(digit) * weight for digit, weight in zip(head, _WEIGHTS, strict=True))
        number = head + "10X98765432"[total % 11]
        forms = (
            number,
            number,
            number.lower(),
            self._group(number, 6, 8, 4),
            number.translate(_WIDE),
        )
        return self._dice.choice(forms)

    def _make_old_id(self, _: str) -> str:
        number = self._faker["zh"].ssn()
        return number[:6] + number[8:17]

    def _make_passport(self, language: str) -> str:
        if language == "zh":
            return self._dice.choice(("E", "EA", "G")) + self._digits(8)
        return self._dice.choice((self._digits(9), f"C{self._digits(8)}"))

    def _make_card(self, language: str) -> str:
        if language == "zh":
            number = _append_check("62" + self._digits(self._dice.choice((13, 16))))
        else:
            number = self._faker["en"].credit_card_number(self._dice.choice(_CARD_TYPES))
        forms = (number, self._group(number, 4, 4, 4), self._group(number, 4, 4, 4, by="-"))
        return self._dice.choice(forms)

    def _make_street(self, language: str) -> str:
        if language == "en":
            return self._faker["en"].street_address()
        road = self._faker["zh"].street_name()
        ends = (
            "号",
            f"号{self._digits(1)}栋{self._digits(3)}室",
            f"号{self._digits(1)}单元{self._digits(3)}",
        )
        return f"{road}{self._dice.randint(1, 999)}{self._dice.choice(ends)}"

    def _make_address(self, language: str) -> str:
        faker = self._faker[language]
        if language == "en":
            place = (
                f"{faker.city()}, {faker.state_abbr(include_territories=False)} {faker.postcode()}"
            )
            return f"{faker.street_address()}, {place}"
        own = f"{faker.province()}{faker.city()}{faker.district()}区{self._make_street('zh')}"
        return self._dice.choice((own, faker.address()))

    def _make_other(self, name: str, language: str) -> str:
        """Make what looks like personal data, and is none."""
        dice, faker, digits = self._dice, self._faker[language], self._digits
        version = ".".join(str(dice.randint(0, 40)) for _ in range(dice.choice((2, 3, 4))))
        day = faker.date_object()
        day_name = (
            f"{day.year}年{day.month}月{day.day}日" if language == "zh" else f"{day:%d %B %Y}"
        )
        book = self._faker["en"].isbn13()
        amount = f"{dice.randint(1, 999_999):,}.{dice.randint(0, 99):02d}"
        choices: dict[str, tuple[str, ...]] = {
            "order": (
                digits(11),
                digits(18),
                digits(16),
                f"2026{digits(10)}",
                f"#{digits(10)}",
                f"{digits(3)}-{digits(7)}-{digits(7)}",
                f"13{digits(9)}",
            ),
            "tracking": (
                f"SF{digits(13)}",
                f"1Z{digits(16)}",
                digits(12),
                f"YT{digits(13)}",
                self._group(digits(12), 4, 4),
                digits(15),
                f"9400{digits(18)}",
            ),
            "serial": (
                f"{faker.lexify('???').upper()}{digits(9)}",
                f"SN-{digits(11)}",
                digits(10),
                f"{digits(4)}-{digits(4)}-{digits(4)}-{digits(4)}",
                f"C02{digits(8)}",
            ),
            "price": (f"${amount}", f"€ {dice.randint(1, 999)}", f"{amount} USD")
            if language == "en"
            else (f"{amount}元", f"¥{amount}", f"{dice.randint(1, 99999)}元"),
            "amount": (f"${amount}", f"{amount} EUR", f"{digits(7)}.{digits(2)}")
            if language == "en"
            else (f"{amount}元", f"人民币{digits(8)}.00元", f"¥{digits(7)}"),
            "date": (f"{day:%Y-%m-%d}", f"{day:%d/%m/%Y}", f"{day:%Y%m%d}", day_name),
            "time": (faker.time(), faker.time("%H:%M")),
            "part": (
                f"{faker.lexify('??').upper()}-{digits(6)}",
                f"{digits(3)}-{digits(5)}-{digits(2)}",
                f"{digits(4)}.{digits(3)}.{digits(3)}",
                f"{digits(10)}",
            ),
            "imei": (_append_check(f"35{digits(12)}"), _append_check(f"86{digits(12)}")),
            "isbn": (book, book.replace("-", ""), self._faker["en"].isbn10()),
            "ean": (self._faker["en"].ean13(), self._faker["en"].ean8()),
            "model": (
                f"{faker.lexify('??').upper()}{digits(4)}",
                f"RTX {digits(4)}",
                f"X-{digits(3)}/{digits(2)}",
            ),
            "version": (f"v{version}", version),
            "error": (f"0x{digits(8)}", f"E{digits(4)}", digits(5), f"ORA-{digits(5)}"),
            "hotline": (
                f"400-{digits(3)}-{digits(4)}",
                f"400{digits(7)}",
                f"400-{digits(4)}-{digits(3)}",
                "95588",
                "10086",
                "12315",
                f"800-{digits(3)}-{digits(4)}",
            ),
            "tollfree": (
                f"1-800-{digits(3, '2345')}-{digits(4)}",
                f"(888) {digits(3, '2345')}-{digits(4)}",
                f"+1 877 {digits(3, '2345')} {digits(4)}",
                f"0800 {digits(3)} {digits(4)}",
            ),
            "uuid": (faker.uuid4(),),
            "hex": (faker.sha256(), faker.md5()),
            "epoch": (f"17{digits(8)}", f"17{digits(11)}"),
            "dims": (
                f"{digits(3)} x {digits(3)} x {digits(3)} mm",
                f"{digits(2)}*{digits(2)}*{digits(3)}cm",
            ),
            "pct": (f"{digits(2)}.{digits(2)}%",),
            "role": tuple(
                f"{role}@{self._faker['en'].domain_name()}"
                for role in ("support", "info", "service")
            ),
            "package": (f"left-pad@{version}", "@scope/tool@1.2.3", f"tool=={version}"),
            "ticket": (
                f"INC{digits(7)}",
                f"#{digits(6)}",
                digits(8),
                f"CS-{digits(4)}-{digits(6)}",
            ),
            "git": ("git@github.com:acme/tool.git", "git@gitlab.example.com:22/a/b.git"),
            "batch": (f"L{digits(7)}", digits(8), f"{digits(4)}/{digits(3)}"),
            "invoice": (f"INV-{digits(8)}", digits(8), digits(20), f"2026-{digits(6)}"),
            "iccid": (_append_check(f"8986{digits(15)}"), _append_check(f"8901{digits(14)}")),
            "sku": (digits(12), f"{digits(4)}-{digits(4)}", digits(13), f"B0{digits(8)}"),
            "duration": ("20 minutes", "3 h 12 min")
            if language == "en"
            else ("20分钟", "3小时12分"),
        }
        return dice.choice(choices[name])


def _append_check(digits: str) -> str:
    """Append the digit by which a number passes Luhn's check."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        total += sum(divmod(int(digit) * (2 - place % 2), 10))
    return digits + str(-total % 10)
