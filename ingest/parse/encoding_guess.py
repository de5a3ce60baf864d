"""Guess the encoding of a text by its bytes: what people write has frequent letters.

It is ours because it finds the encodings of short texts more often than charset-normalizer does,
and says so when none fits: a text in the wrong encoding is garble that nobody should quote.
"""

import codecs
import re

_COMMON_PAIRS = {
    # Where each encoding keeps its frequent characters, punctuation and lines: lead and trail
    # bytes. The level-1 characters of GB 2312 and Big5 make up more than 99 % of modern texts.
    "gb18030": re.compile(rb"[\xa1-\xa3\xa9\xb0-\xd7][\xa1-\xfe]"),
    "big5": re.compile(rb"[\xa1-\xc6][\x40-\x7e\xa1-\xfe]|\xf9[\xd6-\xfe]"),
}
_BYTE_PAIR = re.compile(rb"[\x81-\xfe][\x40-\xfe]|[\x80-\xff]")
_LETTER_AND_HIGH = re.compile(rb"(?<=[a-z]{2})[\x80-\xff]")
_HIGH = re.compile(rb"[\x80-\xff]")
_HIGH_RUN = re.compile(rb"[\x80-\xff]{3,}+")
_KANA = re.compile("[\u3041-\u30fe]")
_HALF_KANA = re.compile("[\uff61-\uff9f]")
_HANGUL = re.compile("[\uac00-\ud7a3]")
# The most frequent syllables of Korean: half of a text.
_SYLLABLES = re.compile(
    "[이다는에의을가고하한지로서를사은도어자기대리스있인시일해수나그아정제라보들부장니까오세요원면할게만과전습합주]"
)
_CYRILLIC = re.compile("[А-яЁёІіЇїЄєЎў]")
_CYRILLIC_COMMON = re.compile("[оеаинтсрвлкм]")
# What stands inside of words in each encoding of single bytes, and punctuation that may.
_INSIDE_WORD = re.compile(r"(?<=[a-z])[^\x00-\x7f](?=[a-z])")
_WESTERN_LETTERS = frozenset("äöüßéèêëàâáíìîïóòôúùûçñåæøœãõýðþ’‘·\xad–—")
_CENTRAL_LETTERS = frozenset("ąćęłńóśźżčďěňřšťůžőűăâîşţáéíýúôäöüßđ’‘–—")
_SINGLE_BYTES = (
    ("cp1252", _WESTERN_LETTERS),
    ("cp1250", _CENTRAL_LETTERS),
    ("cp850", _WESTERN_LETTERS),
    ("mac_roman", _WESTERN_LETTERS),
)
SAMPLE = 65_536  # bytes looked at
ENOUGH_FREQUENT = 0.7  # share of frequent characters that makes a text Chinese
_ENOUGH_KANA = 0.2
_MOST_HALF_KANA = 0.1
_ENOUGH_HANGUL = 0.8
_ENOUGH_SYLLABLES = 0.25
_ENOUGH_CYRILLIC = 0.9
_ENOUGH_COMMON_CYRILLIC = 0.5
_ENOUGH_IN_RUNS = 0.6  # share of bytes above ASCII in runs of three and more, of Cyrillic
_MOST_IN_RUNS = 0.5  # the same of a Western text
_FEW = 0.02  # share of a text that may be anything
_ENOUGH_LETTERS = 0.8  # share of what stands inside of words


def guess_encoding(body: bytes) -> str:
    """Guess the encoding of bytes that are not UTF-8; nothing where none fits.

    Of GB 18030, Big5, Shift-JIS, EUC-JP, EUC-KR, KOI8-R, Windows-1251, CP 866, Windows-1250 and
    Windows-1252.
    """
    sample = body[:SAMPLE]
    high = len(_HIGH.findall(sample))
    whole = sample.decode("utf-8", "replace")
    if whole.count("\ufffd") * 20 < high:
        return "utf-8"  # a few bytes are damaged
    return (
        _guess_japanese(sample)
        or _guess_korean(sample)
        or _guess_cyrillic(sample, high)
        or _guess_chinese(sample)
        or _guess_western(sample, high)
    )


def _guess_japanese(sample: bytes) -> str:
    for name in ("cp932", "euc_jp"):
        text = _decode_sample(sample, name)
        letters = _count_high(text)
        is_japanese = len(_KANA.findall(text)) >= _ENOUGH_KANA * max(letters, 1)
        if is_japanese and len(_HALF_KANA.findall(text)) <= _MOST_HALF_KANA * letters:
            return name
    return ""


def _guess_korean(sample: bytes) -> str:
    text = _decode_sample(sample, "cp949")
    hangul = _HANGUL.findall(text)
    if len(hangul) < _ENOUGH_HANGUL * max(_count_high(text), 1):
        return ""
    common = len(_SYLLABLES.findall(text))
    return "cp949" if common >= _ENOUGH_SYLLABLES * len(hangul) else ""


def _guess_cyrillic(sample: bytes, high: int) -> str:
    if _count_in_runs(sample) < _ENOUGH_IN_RUNS * high:
        return ""
    best = ""
    best_share = _ENOUGH_COMMON_CYRILLIC
    for name in ("cp1251", "koi8_r", "koi8_u", "cp866"):
        text = _decode_sample(sample, name)
        if len(_CYRILLIC.findall(text)) < _ENOUGH_CYRILLIC * high:
            continue
        share = len(_CYRILLIC_COMMON.findall(text)) / max(high, 1)
        if share > best_share:
            best, best_share = name, share
    return best


def _guess_chinese(sample: bytes) -> str:
    pairs = _BYTE_PAIR.findall(sample)
    if 2 * len(_LETTER_AND_HIGH.findall(sample)) > len(pairs):
        return ""  # in the words of others
    shares = {
        name: sum(map(bool, map(common.fullmatch, pairs))) / len(pairs)
        for name, common in _COMMON_PAIRS.items()
        if pairs and _decode_sample(sample, name)
    }
    best = max(shares, key=lambda name: shares[name], default="")
    return best if best and shares[best] >= ENOUGH_FREQUENT else ""


def _guess_western(sample: bytes, high: int) -> str:
    """Guess a Western encoding: letters above ASCII stand alone among others there."""
    if _count_in_runs(sample) > max(_MOST_IN_RUNS * high, _FEW * len(sample)):
        return ""
    best = "cp1252"
    best_share = 0.0
    for name, letters in _SINGLE_BYTES:
        inside = _INSIDE_WORD.findall(sample.decode(name, "replace"))
        share = sum(1 for letter in inside if letter in letters) / max(len(inside), 1)
        if not inside or share >= _ENOUGH_LETTERS > best_share:
            return name
        if share > best_share:
            best, best_share = name, share
    return best if best_share * 2 >= _ENOUGH_LETTERS else ""


def _decode_sample(sample: bytes, encoding: str) -> str:
    """Decode a sample, which may end inside a character; nothing where it is none."""
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        return decoder.decode(sample)
    except UnicodeDecodeError:
        return ""


def _count_in_runs(sample: bytes) -> int:
    """Count the bytes above ASCII that stand together, three and more."""
    return sum(map(len, _HIGH_RUN.findall(sample)))


def _count_high(text: str) -> int:
    return sum(1 for letter in text if letter > "\x7f")
