"""Postal addresses: a house number with its street, and what stands around them.

In English by the words that streets are called; in Chinese from the number of the house (路12号)
back to the place and on to the room.
"""

import re
from collections.abc import Iterator

from indexes.text.redaction.number_labels import POSTCODE_LABEL, has_label
from indexes.text.scripts import HAN
from indexes.text.sentences import Span

# Words that little else is called, and the others of USPS Publication 28 that English uses freely.
_STREETS = (
    "Street|St|Avenue|Ave|Road|Rd|Lane|Ln|Drive|Dr|Boulevard|Blvd|Court|Ct|Terrace|Crescent"
    "|Highway|Hwy|Parkway|Pkwy|Turnpike|Expressway|Freeway|Causeway|Close|Mews|Cul-de-sac"
)
_OTHER_STREETS = (
    "Alley|Annex|Arcade|Bayou|Beach|Bluff|Bluffs|Bottom|Branch|Burgs|Crossroads|Rapids|Trailer"
    "|Bend|Bridge|Brook|Brooks|Burg|Bypass|Camp|Canyon|Cape|Center|Centers|Circle|Circles"
    "|Cliff|Cliffs|Club|Common|Corner|Corners|Course|Courts|Cove|Coves|Creek|Crest|Crossing"
    "|Crossroad|Curve|Dale|Dam|Divide|Drives|Estate|Estates|Extension|Extensions|Fall|Falls"
    "|Ferry|Field|Fields|Flat|Flats|Ford|Fords|Forest|Forge|Forges|Fork|Forks|Fort|Garden|Gardens"
    "|Gateway|Glen|Glens|Green|Greens|Grove|Groves|Harbor|Harbors|Haven|Heights|Hill|Hills|Hollow"
    "|Inlet|Island|Islands|Isle|Junction|Junctions|Key|Keys|Knoll|Knolls|Lake|Lakes|Land|Landing"
    "|Light|Lights|Loaf|Lock|Locks|Lodge|Loop|Mall|Manor|Manors|Meadow|Meadows|Mill|Mills|Mission"
    "|Motorway|Mount|Mountain|Mountains|Neck|Orchard|Oval|Overpass|Park|Parks|Parkways|Pass"
    "|Passage|Path|Pike|Pine|Pines|Place|Plain|Plains|Plaza|Point|Points|Port|Ports|Prairie|Radial"
    "|Ramp|Ranch|Rapid|Rapids|Rest|Ridge|Ridges|River|Roads|Route|Row|Rue|Run|Shoal|Shoals|Shore"
    "|Shores|Skyway|Spring|Springs|Spur|Spurs|Square|Squares|Station|Stravenue|Stream|Streets"
    "|Summit|Throughway|Trace|Track|Trafficway|Trail|Tunnel|Underpass|Union|Unions|Valley|Valleys"
    "|Via|Viaduct|View|Views|Village|Villages|Ville|Vista|Walk|Walks|Wall|Way|Ways|Well|Wells"
)
_STATES = (
    "AL|AK|AZ|AR|CA|CO|CT|DE|DC|FL|GA|HI|ID|IL|IN|IA|KS|KY|LA|ME|MD|MA|MI|MN|MS|MO|MT|NE|NV|NH|NJ"
    "|NM|NY|NC|ND|OH|OK|OR|PA|RI|SC|SD|TN|TX|UT|VT|VA|WA|WV|WI|WY|AS|FM|GU|MH|MP|PW|PR|VI"
)
_HOUSE = r"(?<![0-9A-Za-z.,/-])\d{1,6}[A-Za-z]?(?:[-/]\d{1,4})?"
_NAME = r"(?:[A-Z][A-Za-z'\u2019.-]{0,24}|\d{1,3}(?:st|nd|rd|th))"
_UNIT = r"(?:,? ?(?:Apt|Apartment|Suite|Ste|Unit|Flat|Floor|Room|Rm|#)\.? ?#?[A-Za-z0-9-]{1,6})?"
_CITY = r"(?:,? ?[A-Z][A-Za-z'.-]{1,20}(?: [A-Z][A-Za-z'.-]{1,20}){0,2})?"
_ZIP = r"\d{5}(?:-\d{4})?(?!\d)"
_BRITISH_POSTCODE = r"[A-Z]{1,2}\d[0-9A-Z]? ?\d[A-Z]{2}\b"
_PLACE = rf"(?:{_CITY}(?:,? (?:{_STATES})\.? {_ZIP}|,? {_BRITISH_POSTCODE}))"
_STREET_ADDRESS = re.compile(rf"{_HOUSE}(?: {_NAME}){{1,4}} (?:{_STREETS})\b\.?{_UNIT}{_PLACE}?")
_OTHER_ADDRESS = re.compile(
    rf"{_HOUSE}(?: {_NAME}){{1,3}} (?:{_OTHER_STREETS})\b(?P<unit>{_UNIT})(?P<place>{_PLACE}?)"
)
_SMALL_ADDRESS = re.compile(
    rf"{_HOUSE}(?: [a-z]{{2,20}}){{1,3}} (?:street|avenue|road|lane)\b{_UNIT}"
)
_POST_BOX = re.compile(rf"\bP\.? ?O\.? ?Box \d{{1,6}}\b{_PLACE}?", re.IGNORECASE)
_ZIP_ALONE = re.compile(rf"(?<![0-9A-Za-z-]){_ZIP}(?![-.,]\d|[A-Za-z])|\b{_BRITISH_POSTCODE}")
_CITY_ALONE = re.compile(
    rf"\b[A-Z][A-Za-z'.-]{{1,20}}(?: [A-Z][A-Za-z'.-]{{1,20}}){{0,2}}, (?:{_STATES}) {_ZIP}"
)
_PLACE_WORD = re.compile(
    r"(?<![A-Za-z])(?:at|to|in|on|from|near|is|address|live|deliver|ship|of|for|by)[ :]{1,3}\Z",
    re.IGNORECASE,
)

_PROVINCE = (
    "北京|天津|上海|重庆|河北|山西|辽宁|吉林|黑龙江|江苏|浙江|安徽|福建|江西|山东|河南|湖北|湖南|广东"
    "|海南|四川|贵州|云南|陕西|甘肃|青海|台湾|内蒙古|广西|西藏|宁夏|新疆|香港|澳门"
)
_HOUSE_NUMBER = re.compile(
    r"(?:路|街|大道|巷|胡同|弄)"
    r"(?:[东西南北中]段?)?(?:\d{1,5}(?:[-之]\d{1,4})?(?:号|弄)|[A-Za-z]座)"
    rf"|[{HAN}]{{2}}\d{{1,4}}(?:号楼|栋|幢)(?=(?:[A-Za-z0-9]{{1,4}}(?:单元|座))?\d{{1,5}}(?:单元|室|号))"
)
_NO_ROADS = frozenset("线链电网通回公铁思套支管来这多一二两三四五六")  # 线路, 链路, 公路 …
_INSIDE = re.compile(
    rf"(?:[{HAN}]{{2,8}}(?:小区|花园|大厦|广场|公寓|苑))?"
    r"(?:[ ]?[A-Za-z0-9]{1,5}(?:号楼|号院|栋|幢|单元|座|楼|层|室|号|弄))*(?:(?<=单元)\d{2,4})?"
    r"(?:[ ,]{1,2}(?:邮编:?)?\d{6}(?![0-9A-Za-z-]))?"
)
_PLACE_RUN = re.compile(rf"[{HAN}0-9A-Za-z·]{{0,32}}\Z")
_PLACE_START = re.compile(rf"(?:{_PROVINCE})|[{HAN}]{{2,3}}(?:省|市|自治区|自治州|县|区)")
_VERB = re.compile(
    r".*(?:[在到至往是为于址寄送搬住去来给发]|收货人|我家|公司|新家|老家|地址改成|改成|换成|变成)"
)


def find_postal_addresses(text: str) -> Iterator[Span]:
    """Find postal addresses in a folded text. Some may overlap.

    >>> list(find_postal_addresses("I live at 221B Baker Street, London NW1 6XE."))
    [(10, 43)]
    >>> list(find_postal_addresses("请寄到北京市朝阳区建国路88号3栋502室"))
    [(3, 21)]
    """
    for pattern in (_STREET_ADDRESS, _POST_BOX, _CITY_ALONE):
        yield from (match.span() for match in pattern.finditer(text))
    for match in _OTHER_ADDRESS.finditer(text):
        if (
            match["unit"]
            or match["place"]
            or _PLACE_WORD.search(text, max(0, match.start() - 12), match.start())
        ):
            yield match.span()
    for match in _SMALL_ADDRESS.finditer(text):
        if _PLACE_WORD.search(text, max(0, match.start() - 12), match.start()):
            yield match.span()
    for match in _ZIP_ALONE.finditer(text):
        if has_label(POSTCODE_LABEL, text, match.start()):
            yield match.span()
    for match in _HOUSE_NUMBER.finditer(text):
        start = _find_place_start(text, match.start())
        end = _INSIDE.match(text, match.end())
        if start is not None:
            yield start, end.end() if end else match.end()


def _find_place_start(text: str, house: int) -> int | None:
    """Return where the place begins that a street is in, or at least the street's own name.

    None where it is no street: 链路12号.
    """
    run = _PLACE_RUN.search(text, max(0, house - 32), house)
    start = run.start() if run else house
    if verb := _VERB.match(text, start, house):
        start = verb.end() if verb.end() < house else start
    place = _PLACE_START.search(text, start, house)
    if place:
        return place.start()
    return None if text[house] == "路" and text[house - 1 : house] in _NO_ROADS else start
