"""Tables that are made up, and questions about their rows: how a reader learns to read a row.

Public question sets ask about sentences alone. A row answers for its label and the asked column,
and its neighbours share the column and not the label. Products and columns are invented here.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from ragdesk.tuning.reader_samples import SampleSource, SourceQuestion, SourceUnit

ROWS = (4, 9)
_NAMED_CELLS = "column: value"  # as a unit of a table is read
_ROW_STYLES = (" | ", "\t")


@dataclass(frozen=True, slots=True, kw_only=True)
class TableWords:
    """What tables of one language are made of. columns: a head, how it is asked for, its values."""

    titles: Sequence[str]
    makes: Sequence[str]
    things: Sequence[str]
    label: str
    columns: Sequence[tuple[str, Sequence[str], str]]
    missing: Sequence[str]


_ENGLISH = TableWords(
    titles=(
        "Price list",
        "Models at a glance",
        "Technical data",
        "Which model is mine?",
        "Tariffs",
    ),
    makes=(
        "Brisa",
        "Tarn",
        "Nordlys",
        "Quill",
        "Vesper",
        "Olmo",
        "Pico",
        "Harrow",
        "Sable",
        "Corvo",
    ),
    things=(
        "lamp",
        "blender",
        "heater",
        "drill",
        "router",
        "scale",
        "charger",
        "tent",
        "bike lock",
    ),
    label="Model",
    columns=(
        ("Price", ("How much is the {x}?", "What does the {x} cost?", "price of the {x}"), "{n} €"),
        ("Weight", ("How heavy is the {x}?", "What is the weight of the {x}?"), "{n}.{d} kg"),
        ("Warranty", ("How long is the warranty on the {x}?", "warranty {x}"), "{d} years"),
        ("Power", ("How many watts does the {x} use?", "What power does the {x} have?"), "{n} W"),
        (
            "Delivery",
            ("When is the {x} delivered?", "delivery time of the {x}"),
            "{d} working days",
        ),
        ("Capacity", ("How much does the {x} hold?", "capacity of {x}"), "{n} ml"),
        ("Noise", ("How loud is the {x}?",), "{n} dB"),
        ("Colour", ("What colour is the {x}?", "Which colours does the {x} come in?"), "{c}"),
    ),
    missing=(
        "How long is the cable of the {x}?",
        "Is the {x} waterproof?",
        "Where is the {x} made?",
        "Can I return the {x}?",
    ),
)
_CHINESE = TableWords(
    titles=("价目表", "型号一览", "技术参数", "各型号对比", "收费标准"),
    makes=("云杉", "拂晓", "青禾", "远舟", "星海", "白鹭", "松果", "晴川", "山岚", "飞鱼"),
    things=("台灯", "榨汁机", "取暖器", "电钻", "路由器", "体重秤", "充电器", "帐篷", "车锁"),
    label="型号",
    columns=(
        ("价格", ("{x}多少钱？", "{x}的价格是多少？", "{x} 售价"), "{n}元"),
        ("重量", ("{x}有多重？", "{x}的重量是多少？"), "{n}.{d}千克"),
        ("保修期", ("{x}保修多久？", "{x}的保修期有多长？"), "{d}年"),
        ("功率", ("{x}的功率是多少？", "{x}多少瓦？"), "{n}瓦"),
        ("发货时间", ("{x}几天能到？", "{x}什么时候发货？"), "{d}个工作日"),
        ("容量", ("{x}能装多少？", "{x}的容量是多少？"), "{n}毫升"),
        ("噪音", ("{x}的噪音大吗？", "{x}的噪音是多少分贝？"), "{n}分贝"),
        ("颜色", ("{x}是什么颜色的？", "{x}有哪些颜色？"), "{c}"),
    ),
    missing=("{x}的电源线有多长？", "{x}防水吗？", "{x}是哪里生产的？", "{x}可以退货吗？"),
)
_COLOURS = {
    "Colour": ("red, black", "white", "sand and slate", "green"),
    "颜色": ("红色、黑色", "白色", "沙色和灰色", "绿色"),
}


def make_table_source(tables: int, seed: int = 17) -> SampleSource:
    """Make so many tables of each language, with two or three questions about each."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    units: list[SourceUnit] = []
    questions: list[SourceQuestion] = []
    for number in range(2 * tables):
        words = (_ENGLISH, _CHINESE)[number % 2]
        _add_table(words, f"table {number}", chance, units, questions)
    return SampleSource(name="made-up tables", units=units, questions=questions)


def _add_table(
    words: TableWords,
    name: str,
    chance: random.Random,
    units: list[SourceUnit],
    questions: list[SourceQuestion],
) -> None:
    columns = chance.sample(words.columns, chance.randint(2, 4))
    head = [words.label, *(column for column, _, _ in columns)]
    title = chance.choice(words.titles)
    style = chance.choice((*_ROW_STYLES, _NAMED_CELLS, _NAMED_CELLS))
    lead = title if style == _NAMED_CELLS else f"{title}\n{_write_row(style, head, head)}"
    thing = chance.choice(words.things)
    makes = chance.sample(words.makes, 3)
    labels = list(
        dict.fromkeys(
            _name_product(chance.choice(makes), chance.choice(("", f"{thing} ")), chance)
            for _ in range(chance.randint(*ROWS))
        )
    )
    first = len(units)
    for label in labels:
        cells = [label, *(_fill_cell(column, shape, chance) for column, _, shape in columns)]
        units.append(
            SourceUnit(text=_write_row(style, head, cells), lead=lead, section=name, article=name)
        )
    for row in chance.sample(range(len(labels)), min(3, len(labels))):
        _, forms, _ = chance.choice(columns)
        is_missing = chance.random() < 0.3  # noqa: PLR2004 - as many as SampleOptions leaves out
        form = chance.choice(words.missing if is_missing else forms)
        questions.append(
            SourceQuestion(
                text=form.format(x=labels[row]),
                section=name,
                article=name,
                answers=() if is_missing else ((first + row, None),),
            )
        )


def _fill_cell(column: str, shape: str, chance: random.Random) -> str:
    colour = chance.choice(_COLOURS.get(column, ("",)))
    return shape.format(n=chance.randint(2, 990), d=chance.randint(1, 9), c=colour)


def _write_row(style: str, head: Sequence[str], cells: Sequence[str]) -> str:
    if style == _NAMED_CELLS:
        return "; ".join(f"{name}: {cell}" for name, cell in zip(head, cells, strict=True))
    row = style.join(cells)
    return f"| {row} |" if style == " | " else row


def _name_product(make: str, thing: str, chance: random.Random) -> str:
    number = chance.choice((1, 2, 3, 5, 10, 20, 300, 500))
    return f"{make} {thing}{number}{chance.choice(('', '', ' Pro', ' Mini', 'X'))}"
