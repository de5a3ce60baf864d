"""What a person would point at in a document, and what nobody would."""

import pytest
from unit_desk import read_units

from ragdesk.answering.reading.answer_units import MOST_ITEMS
from ragdesk.answering.reading.long_sentences import LONGEST_WHOLE, find_stretch


def texts(units, *kinds):
    return [unit.text for unit in units if not kinds or unit.kind in kinds]


def cores(units):
    return [unit.core for unit in units]


FERRIES = """# Ferries

| Line | Boat | Bicycle | Last trip |
|---|---|---|---|
| North | Heron | 4 EUR | 21:30 |
| South | Teal | free | 19:00 |
"""
FERRIES_ZH = "# 渡轮\n\n| 航线 | 船名 | 自行车 |\n|---|---|---|\n| 北线 | 苍鹭 | 四元 |\n| 南线 | 水鸭 | 免费 |\n"


def test_a_row_is_quoted_with_its_column_names():
    rows = read_units("ferries.md", FERRIES)
    assert texts(rows) == [
        "Line | Boat | Bicycle | Last trip\nNorth | Heron | 4 EUR | 21:30",
        "Line | Boat | Bicycle | Last trip\nSouth | Teal | free | 19:00",
    ]
    assert rows[1].columns == ("Line", "Boat", "Bicycle", "Last trip")
    assert rows[1].cells == ("South", "Teal", "free", "19:00")
    assert rows[1].reading_text == "Line: South; Boat: Teal; Bicycle: free; Last trip: 19:00"
    assert read_units("渡轮.md", FERRIES_ZH)[0].text == "航线 | 船名 | 自行车\n北线 | 苍鹭 | 四元"


def test_a_long_table_keeps_its_column_names_in_every_passage():
    rows = "".join(f"| K{n} | {n} mm | copper, tinned, in reels of {n} m |\n" for n in range(60))
    units = read_units("wire.md", f"# Wire\n\n| Code | Gauge | Make |\n|---|---|---|\n{rows}")
    assert len(units) == 60
    assert {unit.columns for unit in units} == {("Code", "Gauge", "Make")}
    assert all(unit.text.startswith("Code | Gauge | Make\nK") for unit in units)


def test_two_rows_of_heads_are_joined():
    units = read_units(
        "halls.csv", "Hall,Seats,,Rent\n,row,balcony,\nEast,300,80,900 EUR\nWest,120,40,400 EUR\n"
    )
    assert units[0].columns == ("Hall", "Seats row", "Seats balcony", "Rent")
    assert texts(units)[0] == "Hall | Seats row | Seats balcony | Rent\nEast | 300 | 80 | 900 EUR"
    html = (
        "<table><tr><th rowspan=2>厅</th><th colspan=2>座位</th></tr><tr><th>楼下</th><th>楼上</th></tr>"
        "<tr><td>东厅</td><td>三百</td><td>八十</td></tr></table>"
    )
    assert read_units("halls.html", html)[0].columns == ("厅", "座位 楼下", "座位 楼上")


def test_a_row_knows_its_group_from_a_merged_cell_or_a_row_above():
    merged = read_units("pay.csv", "Grade,City,Rate\nClerk,Oslo,90\n,Turku,70\nHead,Oslo,140\n")
    assert merged[1].cells == ("Clerk", "Turku", "70")
    assert merged[1].text == "Grade | City | Rate\nClerk\n| Turku | 70"
    grouped = read_units(
        "菜单.md",
        "| 菜 | 价格 |\n|---|---|\n| 冷盘 | |\n| 黄瓜 | 八元 |\n| 热菜 | |\n| 鱼 | 四十元 |\n",
    )
    assert [unit.text for unit in grouped] == [
        "菜 | 价格\n冷盘\n黄瓜 | 八元",
        "菜 | 价格\n热菜\n鱼 | 四十元",
    ]


def test_lines_above_a_csv_are_no_header():
    units = read_units(
        "tolls.csv",
        "Bridge tolls\nvalid from May, cars only\n\nBridge,Day,Night\nOld Bridge,3.10,1.90\n",
    )
    row = next(unit for unit in units if unit.kind == "row")
    assert (row.columns, row.cells) == (("Bridge", "Day", "Night"), ("Old Bridge", "3.10", "1.90"))
    padded = read_units("桥费.csv", "桥梁通行费,,\n桥名,白天,夜间\n老桥,三元,两元\n")
    assert [unit.columns for unit in padded if unit.kind == "row"] == [("桥名", "白天", "夜间")]


@pytest.mark.parametrize(
    ("uri", "body"),
    [
        ("a.html", "<table><tr><th>Hull</th><td>Oak</td></tr><tr><th>Sail</th><td>9 m</td></tr></table>"),
        ("b.html", "<table><tr><td>Hull</td><td>Oak</td></tr><tr><td>Sail</td><td>Red</td></tr></table>"),
        ("c.md", "# Boat\n\n| | |\n|---|---|\n| Hull | Oak |\n| Sail | Red |\n"),
        ("d.csv", "Hull,Oak\nSail,9 m\nMast,3 t\n"),
    ],
)  # fmt: skip
def test_a_name_with_its_value_is_no_head(uri, body):
    units = read_units(uri, body)
    assert units[0].text == "Hull: Oak"
    assert not any(unit.columns for unit in units)


def test_two_columns_over_numbers_have_a_head():
    assert read_units("e.csv", "Plan,Price\nBasic,free\nPro,9 EUR\n")[0].columns == (
        "Plan",
        "Price",
    )


STEPS = """# Kiosk

To change the paper roll:

1. Open the flap.
2. Pull the old core out.

   Mind the blade.
3. Put the new roll in.

The kiosk prints a test page.
"""


def test_steps_are_one_unit_with_their_lead_in():
    units = read_units("kiosk.md", STEPS)
    steps = next(unit for unit in units if unit.kind == "steps")
    assert steps.size == 3
    assert steps.text.startswith("To change the paper roll:\n1. Open the flap.")
    assert steps.text.endswith("3. Put the new roll in.")
    item = next(unit for unit in units if unit.core == "1. Open the flap.")
    assert item.text == "To change the paper roll:\n1. Open the flap."
    assert steps.contains(item)
    zh = read_units(
        "打印.txt",
        "更换纸卷的方法：\n第一步 打开盖子。\n第二步 取出旧卷芯。\n第三步 放入新纸卷。\n",
    )
    assert texts(zh, "steps") == [
        "更换纸卷的方法：\n第一步 打开盖子。\n第二步 取出旧卷芯。\n第三步 放入新纸卷。"
    ]


@pytest.mark.parametrize(
    ("uri", "body"),
    [
        ("boats.md", "# Boats\n\n## Not let on Sundays ##\n\n- Rowing boats\n- The raft\n"),
        (
            "boats.html",
            "<h1>Boats</h1><h2>Not let on Sundays</h2><ul><li>Rowing boats<li>The raft</ul>",
        ),
    ],
)
def test_items_that_are_no_sentences_are_quoted_below_their_heading(uri, body):
    units = read_units(uri, body)
    whole = next(unit for unit in units if unit.kind == "list")
    item = next(unit for unit in units if "raft" in unit.core and not unit.is_whole)
    assert whole.text.splitlines()[0] == item.text.splitlines()[0] == "Not let on Sundays"
    assert (item.above, item.text.splitlines()[1].lstrip("- ")) == (1, "The raft")


@pytest.mark.parametrize(
    "body",
    [
        "## Sundays\n\n- Rowing boats stay in.\n- The raft goes.\n",  # sentences stand alone
        "## Sundays\n\nNot let are:\n\n- Rowing boats\n- The raft\n",  # led in already
        "## Sundays\n\nThe lake is calm.\n\n- Rowing boats\n- The raft\n",  # not right below
        "## What stays in on Sundays?\n\n- Rowing boats\n- The raft\n",  # said as the question
        "## Sundays\n\n1. Rowing boats\n2. The raft\n",  # steps
    ],
)
def test_a_heading_is_quoted_nowhere_else(body):
    units = read_units("boats.md", f"# Boats\n\n{body}")
    assert not any("Sundays" in unit.text for unit in units)


@pytest.mark.parametrize("count", [MOST_ITEMS, MOST_ITEMS + 4])
def test_of_a_long_list_the_first_items_are_quoted(count):
    items = "\n".join(f"- Reading room number {n} on the lakeside floor" for n in range(count))
    units = read_units("rooms.md", f"# Rooms\n\nThe library has these rooms:\n\n{items}\n")
    whole = next(unit for unit in units if unit.kind == "list")
    assert whole.size == count
    assert whole.text.count("Reading room") == min(count, MOST_ITEMS)


def test_an_entry_is_read_with_its_question():
    faq = "# Help\n\n## Do you repair umbrellas?\n\nYes. Bring them to the desk. It takes a week.\n"
    units = read_units("help.md", faq)
    assert {unit.question for unit in units} == {"Do you repair umbrellas?"}
    assert texts(units, "faq") == ["Yes. Bring them to the desk. It takes a week."]
    assert "Do you repair umbrellas?" not in cores(units)
    prose = read_units(
        "帮助.txt", "问：可以带狗吗？\n答：可以，须牵绳。\n\n问：可以停车吗？\n答：不可以。\n"
    )
    assert [(u.question, u.text) for u in prose if u.kind == "faq"] == [
        ("问：可以带狗吗？", "可以，须牵绳。"),
        ("问：可以停车吗？", "不可以。"),
    ]


@pytest.mark.parametrize(
    ("uri", "body", "pairs"),
    [
        (
            "dogs.md",
            "# Help\n\n## Are dogs welcome?\n\nYes, on a lead.\n\n**Q: And cats?**\nNo, sorry.\n",
            [("Are dogs welcome?", "Yes, on a lead."), ("Q: And cats?", "No, sorry.")],
        ),
        (
            "退货.md",
            "# 帮助\n\n## 运费谁付？\n\n我们付。\n\n**问：可以退货吗？**\n答：可以，七天内。\n",
            [("运费谁付？", "我们付。"), ("问：可以退货吗？", "可以，七天内。")],
        ),
    ],
)
def test_a_second_question_below_the_first_has_an_answer_of_its_own(uri, body, pairs):
    units = read_units(uri, body)
    assert [(u.question.strip("*"), u.text) for u in units if u.kind == "faq"] == pairs
    assert {u.question.strip("*") for u in units if u.kind != "faq"} == {q for q, _ in pairs}


def test_code_comes_with_the_sentence_that_introduces_it():
    units = read_units(
        "tool.md",
        "# Tool\n\nPeel the logs with this command:\n\n```sh\npeel --dry logs/\npeel --all logs/\n```\n",
    )
    assert texts(units, "code") == [
        "Peel the logs with this command:\npeel --dry logs/\npeel --all logs/"
    ]


def test_definitions_are_marked():
    units = read_units(
        "terms.md", "# Terms\n\nA bollard is a short post on a quay.\n\n缆桩是指码头上的短柱。\n"
    )
    assert [unit.kind for unit in units] == ["definition", "definition"]


@pytest.mark.parametrize(
    ("uri", "body", "kept"),
    [
        (
            "pool.txt",
            "Pool rules\n\nContents\nOpening ........ 2\nLockers … 3\n\n1 Opening\n\nThe pool opens at six.\n\nPool rules - page 2\n\n=====\n\nLockers\n\nLockers take a coin.\n",
            ["The pool opens at six.", "Lockers take a coin."],
        ),
        (
            "泳池.txt",
            "泳池须知\n\n目录\n开放时间……2\n储物柜……3\n\n第一章\n\n第一条\n\n泳池六点开放。\n\n第2页\n\n储物柜\n\n储物柜需要投币。\n",
            ["泳池六点开放。", "储物柜需要投币。"],
        ),
        (
            "permit.md",
            "# Permits\n\nIn this guide:\n\n- Parking permits\n- Boat permits\n\nA permit costs 9 EUR.\n",
            ["A permit costs 9 EUR."],
        ),
        (
            "证件.md",
            "# 证件\n\n本文目录：\n\n1. 停车证\n2. 游船证\n\n每证九元。\n",
            ["每证九元。"],
        ),
        (
            "notes.txt",
            "!!! note\n\n**Keys**\n\nKeys hang in the hall.\n\n[Image: a key]\n\n## Locks\n\nLocks are oiled in June.\n\nWho oils them?\n",
            ["Keys hang in the hall.", "Locks are oiled in June."],
        ),
    ],
)
def test_headings_contents_and_furniture_are_no_units(uri, body, kept):
    assert cores(read_units(uri, body)) == kept


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        ("# Phone\n\nRoom 12\n\nCall 555 20 30\n", ["Room 12", "Call 555 20 30"]),
        (
            "第一条 本办法适用于全部车间\n\n第二条 罚款为二百元\n",
            ["第一条 本办法适用于全部车间", "第二条 罚款为二百元"],
        ),
        ("# Tip\n\nAlways rinse the filter\n", ["Always rinse the filter"]),
        ("# Box\n\nIn the box:\n\n- a lamp\n", ["- a lamp"]),
    ],
)
def test_short_lines_that_say_something_stay_units(body, kept):
    assert cores(read_units("a.md", body)) == kept


@pytest.mark.parametrize(
    ("body", "heading", "core"),
    [
        (
            "Loom guide\n\nThreading\nPull the warp through every second eye.\n\nStorage\nCover it.\n",
            "Threading",
            "Pull the warp through every second eye.",
        ),
        (
            "织机指南\n\n穿线\n将经线穿过每隔一个的综眼，再拉紧。\n\n存放\n请盖上防尘布，放在干燥处。\n",
            "存放",
            "请盖上防尘布，放在干燥处。",
        ),
        ("A\n\n## Tension\n\nTurn the wheel twice.\n", "Tension", "Turn the wheel twice."),
    ],
)
def test_a_heading_inside_a_passage_leads_what_is_below_it(body, heading, core):
    units = read_units("guide.txt", body)
    unit = next(unit for unit in units if unit.core == core)
    assert (unit.heading, unit.lead.endswith(heading)) == (heading, True)
    assert heading not in cores(units)


def test_long_sentences_are_cut_at_clauses():
    clause = "the warden walks along the eastern fence and writes down what the meters show"
    units = read_units("walk.txt", ", then ".join([clause] * 12) + ".\n")
    assert len(units) > 2
    assert all(len(unit.core) <= 400 for unit in units)


@pytest.mark.parametrize("weights", [{}, {"key": 1.0}, {"无": 1.0}])
def test_no_stretch_is_longer_than_a_quote(weights):
    for text in ("无" * 5_000, "x" * 5_000, "word " * 1_000, "key" + "x" * 5_000):
        start, end = find_stretch(text, (0, len(text)), weights)
        assert 0 < end - start <= LONGEST_WHOLE


@pytest.mark.parametrize(
    ("uri", "body"),
    [
        (
            "锁.txt",
            "一、门锁为什么响？\n电量不足时会响。\n\n二、忘记密码怎么办？\n请联系客服重置。\n",
        ),
        (
            "lock.md",
            "1. Why does it beep?\n\n   The battery is low.\n2. Where is the key?\n\n   Under it.\n",
        ),
    ],
)
def test_numbered_questions_are_entries_and_no_list(uri, body):
    units = read_units(uri, body)
    assert {unit.kind for unit in units} <= {"faq", "sentence", "definition"}
    assert len([unit for unit in units if unit.kind == "faq"]) == 2
    assert not any("？" in unit.text or "?" in unit.text for unit in units)


@pytest.mark.parametrize(
    ("uri", "body"),
    [
        ("a.md", "# Ferry\n\nQ: May dogs come along?\nA: Yes.\n\nQ: May cats?\nA: No, sorry.\n"),
        ("a.txt", "Q: May dogs come along?\nA: Yes.\nQ: May cats?\nA: No, sorry.\n"),
        (
            "a.html",
            "<h1>Ferry</h1><p>Q: May dogs come along? Yes.</p><p>Q: May cats? No, sorry.</p>",
        ),
        ("zh.md", "# 渡轮\n\n问：狗可以上船吗？\n答：可以。\n\n问：猫呢？\n答：不可以。\n"),
    ],
)
def test_an_answer_in_the_line_of_its_question_keeps_it(uri, body):
    units = read_units(uri, body)
    first, second = [unit for unit in units if unit.kind != "faq"]
    assert "dogs" in first.question or "狗" in first.question
    assert "\n" not in first.question
    assert "cats" in second.question or "猫" in second.question
    assert not first.text.startswith(("A", "答"))


def test_a_short_answer_that_ends_in_a_number_is_no_heading():
    units = read_units(
        "hall.md",
        "# Hall\n\n## Where is the lift?\n\nTake the lift in wing 3.\n\n## Is it slow?\n\nIt takes a minute or so to come down.\n",
    )
    assert "Take the lift in wing 3." in texts(units)
