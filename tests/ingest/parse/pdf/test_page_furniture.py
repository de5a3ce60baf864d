"""What stands on pages and is no text of theirs: contents, running lines, watermarks; and captions."""

import re

from pdf_files import HEIGHT, LOREM, both, chinese, labelled, lines, made, row, wrapped

from ingest.parse.pdf import reader

BODY = lines(*wrapped(LOREM * 3, 450), top=140)
CHAPTERS = {
    "Opening a locker": "A locker opens with the card that you also use at the gate.",
    "Losing a card": "A lost card is blocked at once, and a new one costs nine euros.",
    "Leaving things overnight": "What stays overnight is kept at the desk until noon.",
    "Paying a fine": "A fine is paid at the desk, or by transfer within ten days.",
}


def parse(*pages, **options):
    return reader.parse(made(*pages, **options), "a.pdf")


def chapter(title, text, *, foot=None):
    draws = [lines(title, size=11, top=80), lines(text, top=130)]
    return both(*draws, lines(foot, top=800)) if foot else both(*draws)


def contents(*entries, head="Table of contents", leader="....................."):
    rows = [f"{title} {leader} {page}" for title, page in entries]
    return both(lines("Guide to the lockers", size=20, top=70), lines(head, *rows, top=120))


def test_contents_are_no_text_and_become_the_outline():
    """Their titles are set like the body here: only the contents tell that they are headings."""
    pages = [chapter(f"{n} {title}", text) for n, (title, text) in enumerate(CHAPTERS.items(), 1)]
    entries = [(f"{n} {title}", n + 1) for n, title in enumerate(CHAPTERS, 1)]
    document = parse(contents(*entries), *pages)
    assert "…" not in document.text
    assert "Table of contents" not in document.text
    headings = [document.text[b.start : b.end] for b in document.blocks if b.kind == "heading"]
    assert headings[1:] == [title for title, _ in entries]
    place = document.text.index("A lost card")
    (block,) = [b for b in document.blocks if b.start == place]
    assert block.path == ("2 Losing a card",)


def test_contents_without_dots_are_known_by_their_head_and_go_deeper_by_number():
    def page(canvas, _):
        canvas.setFont("Helvetica", 11)
        for n, (left, title, number) in enumerate(
            [(72, "Contents", ""), (72, "1 Lockers", 2), (90, "1.1 Cards", 2), (72, "2 Fines", 3)]
        ):
            canvas.drawString(left, HEIGHT - 100 - 16 * n, title)
            canvas.drawRightString(520, HEIGHT - 100 - 16 * n, str(number))

    second = lines("1 Lockers", "", "Lockers open at six.", "", "1.1 Cards", "", "Cards are free.")
    document = parse(page, second, chapter("2 Fines", "Fines are due in ten days."))
    assert document.text.startswith("1 Lockers")
    (block,) = [b for b in document.blocks if "Cards are free" in document.text[b.start : b.end]]
    assert block.path == ("1 Lockers", "1.1 Cards")


def test_chinese_contents_go_too():
    titles = ["考勤制度", "请假流程", "加班规定"]
    rows = [f"{title}……………………{n}" for n, title in enumerate(titles, 2)]
    pages = [chinese(title, "", f"{title}由人事部门负责解释。") for title in titles]
    document = parse(chinese("员工手册", size=20), chinese("目录", *rows), *pages)
    assert "目录" not in document.text
    assert "…" not in document.text
    assert all(title in document.text for title in titles)


def test_a_price_list_with_dots_stays():
    prices = [
        "Espresso ................ 2",
        "Tea ..................... 3",
        "Water ................... 1",
    ]
    document = parse(lines("Prices in euros", *prices), BODY)
    assert "Espresso … 2" in document.text


def test_a_price_list_whose_dishes_are_described_stays_whole():
    prices = [f"{name} ................ {n}" for name, n in zip(DISHES, (2, 3, 3, 5), strict=True)]
    told = [lines(name, text, top=300 + 60 * n) for n, (name, text) in enumerate(DISHES.items())]
    for pages in (
        [both(lines("Prices in euros", *prices), *told)],
        [lines("Prices in euros", *prices), both(*told)],  # two are of page 2 by chance
        [lines(*[f"{name} .............. 2" for name in DISHES]), both(*told)],
    ):
        document = parse(*pages)
        assert document.text.count("…") == len(DISHES)
        assert document.notes == ()


DISHES = {
    "Lentil soup": "It is cooked with lemon and served with bread.",
    "Onion cake": "It is baked twice a day.",
    "Plum dumplings": "They come with butter and sugar.",
    "Walnut salad": "It has pears in it from October on.",
}


def test_an_entry_that_leads_nowhere_stays_and_what_went_is_told():
    pages = [chapter(title, text) for title, text in CHAPTERS.items()]
    entries = [(title, n) for n, title in enumerate(CHAPTERS, 2)]
    document = parse(contents(*entries, ("Annex on parcels", 9)), *pages)
    assert [line for line in document.text.split("\n") if "…" in line] == ["Annex on parcels … 9"]
    assert document.notes == ("4 lines of a table of contents were left out",)


def test_contents_may_count_from_the_first_chapter_or_by_labels():
    pages = [chapter(title, text) for title, text in CHAPTERS.items()]
    entries = [(title, n) for n, title in enumerate(CHAPTERS, 1)]
    body = made(contents(*entries), *pages)
    for file in (body, labelled(body, 1)):
        document = reader.parse(file, "a.pdf")
        assert "…" not in document.text
        assert document.notes == ("5 lines of a table of contents were left out",)


def test_a_footer_is_known_on_pages_of_three_lines():
    pages = [
        chapter(title, text, foot=f"Guide to the lockers - page {n}")
        for n, (title, text) in enumerate(CHAPTERS.items(), 2)
    ]
    text = parse(lines("Guide to the lockers", size=20), *pages).text
    assert "page" not in text
    assert text.count("Guide to the lockers") == 1


def test_a_footer_that_says_more_stays_once():
    foot = "Version 7 of May, desk 3 · Page"
    pages = [chapter(*pair, foot=f"{foot} {n}") for n, pair in enumerate(CHAPTERS.items(), 1)]
    assert parse(*pages).text.count("Version 7 of May") == 1


def stamp(text, *, size, angle, repeat=1):
    def draw(canvas, _):
        canvas.setFont("Helvetica-Bold", size)
        for n in range(repeat):
            canvas.saveState()
            canvas.translate(120 + 40 * n, 300 + 90 * n)
            canvas.rotate(angle)
            canvas.setFillGray(0.8)
            canvas.drawString(0, 0, text)
            canvas.restoreState()
        canvas.setFont("Helvetica", 11)

    return draw


def test_watermarks_are_left_out_and_counted():
    clean = parse(BODY, BODY).text
    for mark in (
        stamp("INTERNAL COPY", size=60, angle=50),
        stamp("zhang.san 10.2.3.4", size=12, angle=-28, repeat=4),
    ):
        document = parse(both(mark, BODY), both(BODY, mark))
        assert document.text == clean
        assert document.notes == ("a watermark was left out of 2 pages",)


def test_a_slanted_word_that_is_printed_once_stays_and_so_does_a_turned_page():
    document = parse(both(BODY, stamp("Turnover", size=10, angle=45)))
    assert document.text.endswith("Turnover")
    assert document.notes == ()
    assert "sideways" in parse(stamp("This page runs sideways", size=11, angle=90)).text


def test_a_page_of_nothing_but_slanted_words_keeps_them():
    assert "Grand opening" in parse(stamp("Grand opening", size=40, angle=20)).text


def test_a_caption_is_a_paragraph_of_its_own():
    text = parse(
        lines(
            "The guard has to be closed before the motor starts, and it stays",
            "Figure 3: Guard of the press, seen from the front and closed up",
            "The lamp beside the guard is green while the motor may start up.",
        )
    ).text
    assert "\n\nFigure 3: Guard of the press" in text
    running = parse(
        lines("How the guard is closed before the start is shown in", "Figure 3 and in the film.")
    )
    assert len(running.blocks) == 1


def pump_rows(first, last):
    cells = [
        [(72, f"Pump {n}"), (260, str(n * 3)), (360, str(n * 7)), (460, f"{n}.5")]
        for n in range(first, last)
    ]
    return both(*[row(line, 100 + 14 * n) for n, line in enumerate(cells)])


def test_a_table_that_goes_on_over_pages_keeps_its_head():
    head = row([(72, "Pump"), (260, "Flow"), (360, "Lift"), (460, "Power")], 86)
    other = both(*[row([(72, f"Hose {n}"), (460, str(n))], 100 + 14 * n) for n in range(9)])
    document = parse(both(head, pump_rows(1, 40)), pump_rows(40, 60), pump_rows(60, 70), other)
    headers = [block.header for block in document.blocks]
    assert headers == ["Pump | Flow | Lift | Power"] * 3 + [""]
    assert not re.search(r"Pump \| Flow.*Pump \| Flow", document.text, re.DOTALL)


def test_a_short_line_of_chinese_that_ends_in_a_comma_goes_on():
    text = parse(
        chinese(
            "本店自五月起，",
            "每周一闭店休息。",
            "会员凭卡可在休息日预约取件，其他顾客请在周二以后到店领取。",
        )
    ).text
    assert text.startswith("本店自五月起，每周一闭店休息。")
