import json

import pytest
from document_checks import asked, path_of, said, sound

from ingest.errors import Unreadable
from ingest.parse import registry
from ingest.parse.data import json_records


def read(value: object):
    return sound(json_records.parse(json.dumps(value, ensure_ascii=False).encode(), "x.json"))


def test_a_ticket_with_its_answers_is_read_once_and_under_who_wrote_them():
    ticket = {
        "id": 7,
        "subject": "Pump &amp; hose",
        "description": "<div>The pump <b>leaks</b> at the seal.</div>",
        "description_text": "The pump leaks at the seal.",
        "source": 2,
        "spam": False,
        "requester_id": 99,
        "created_at": "2026-03-01T10:00:00Z",
        "conversations": [
            {"user_id": 5, "from": "Service", "body": "<p>Fit seal kit <i>PK-7</i>.</p>"},
            {"user_id": 6, "author": {"name": "Kim"}, "body": "<p>That helped.</p>"},
        ],
    }
    document = read([ticket])
    assert said(document) == [
        "Pump & hose",
        "The pump leaks at the seal.",
        "source: 2\nspam: false",
        "Fit seal kit PK-7.",
        "That helped.",
    ]
    assert path_of(document, "Fit seal") == ("Pump & hose", "conversations", "Service")
    assert document.notes == (
        "fields for programs were left out: id, requester_id, created_at, user_id",
    )


def test_lists_beside_one_another_stay_apart_and_flat_ones_are_tables():
    document = read(
        {
            "title": "Harbour fees",
            "currency": "EUR",
            "berths": [{"name": "North", "metre": 2.5}, {"name": "South", "metre": 1.75}],
            "rules": [{"name": "Quiet hours", "text": "From ten at night."}],
        }
    )
    (table,) = [block for block in document.blocks if block.kind == "table"]
    assert (table.header, table.path) == ("name | metre", ("Harbour fees", "berths"))
    assert "South | 1.75" in document.text
    assert "currency: EUR" in said(document)
    assert path_of(document, "From ten") == ("Harbour fees", "rules", "Quiet hours")


def test_questions_with_more_questions_and_answers_in_markup():
    document = read(
        {
            "faq": [
                {
                    "问题": "怎么退卡？",
                    "相似问题": ["如何注销卡片", "卡不要了"],
                    "答案": "<p>到前台办理。</p><ol><li>带上卡</li><li>签字</li></ol>",
                }
            ]
        }
    )
    assert asked(document) == ["怎么退卡？"]
    assert document.blocks[0].similar_questions == ("如何注销卡片", "卡不要了")
    assert said(document) == ["怎么退卡？\n到前台办理。\n\n1. 带上卡\n2. 签字"]


def test_more_questions_in_one_value_lead_and_are_no_text():
    row = {"Question": "Where is the lift?", "Variants": "Lift?|Up?", "Answer": "Left.", "floor": 2}
    block = read([row, row]).blocks[1]
    assert block.similar_questions == ("Lift?", "Up?")
    assert read(row).text == "Where is the lift?\nLeft.\nfloor: 2"
    odd = read({**row, "Variants": [{"words": "Up?"}]})
    assert "Variants: words: Up?" in odd.text


def test_fields_that_page_an_export_are_facts_in_its_records():
    tent = {"item": "Tent", "count": 4, "total": 90, "limit": 3, "uuid": "a-1"}
    rows = [{**tent, "page": n, "vector": [0.1]} for n in (7, 8)]
    one = read([tent])
    assert said(one) == ["item: Tent\ncount: 4\ntotal: 90\nlimit: 3"]
    assert one.notes == ("fields for programs were left out: uuid",)
    table = read({"data": rows, "total": 2, "next_page": 3, "url": "https://a.example"})
    assert said(table) == [
        "item | count | total | limit | page\nTent | 4 | 90 | 3 | 7\nTent | 4 | 90 | 3 | 8"
    ]
    assert table.notes == ("fields for programs were left out: url, uuid, vector",)
    kit = {"item": "Kit", "count": 5, "parts": [{"text": "A peg."}]}
    assert "count: 5" in read([kit]).text
    assert "count: 5" in read(kit).text
    assert said(read({"pages": [{"text": "One."}, {"text": "Two."}], "count": 2})) == [
        "One.",
        "Two.",
    ]
    sizes = {"question": "Which?", "answer": "Any.", "sizes": [*range(1002)]}
    assert read(sizes).text.endswith("998, 999, and 2 more")


def test_links_of_answers_titles_and_facts_are_kept():
    link = '<a href="https://a.example/{}">{}</a>'
    document = read(
        [
            {
                "question": "Where do I book?",
                "answer": f"<p>On {link.format(1, 'this page')}.</p><ul><li>Or {link.format(2, 'here')}</li></ul>",
                "see": f"{link.format(3, 'Prices')} and {link.format(4, 'places')}",
            },
            {
                "title": f"<b>{link.format(5, 'Harbour')}</b>",
                "text": f"<p>{link.format(6, 'Map')}</p>",
            },
        ]
    )
    assert [(document.text[one.start : one.end], one.href[-1]) for one in document.links] == [
        ("this page", "1"),
        ("here", "2"),
        ("Prices", "3"),
        ("places", "4"),
        ("Harbour", "5"),
        ("Map", "6"),
    ]
    assert not document.lost_links


def test_a_map_of_questions_to_answers_is_an_faq():
    document = read({"Where is the key?": "At the <b>desk</b>.", "And at night?": "In the safe."})
    assert asked(document) == ["Where is the key?", "And at night?"]
    assert "At the desk." in document.text


def test_long_fields_and_records_in_records_are_kept():
    long = "The warranty covers the motor for ten years. " * 12
    document = read(
        [
            {
                "title": "Saw",
                "text": "Cuts wood.",
                "warranty": long,
                "parts": {"blade": {"text": "Steel."}},
            },
            {"title": "Drill", "name": "D-2", "text": "Drills."},
        ]
    )
    assert path_of(document, "The warranty covers") == ("Saw", "warranty")
    assert path_of(document, "Steel.")[0] == "Saw"
    assert "name: D-2" in document.text


def test_objects_that_follow_one_another_over_several_lines():
    body = b'{\n "text": "One."\n}\n{\n "text": "Two."\n}\n'
    assert said(sound(registry.parse_document(body, "x.txt"))) == ["One.", "Two."]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("todo.txt", '[x] order paint "white": two tins\n[ ] call the smith\n'),
        ("log.txt", '[12] {"code": 4} was sent\n[13] {"code": 5} came back\n'),
        ("cite.md", '[1]: https://a.example "Tides"\n\n# Tides\n\nHigh at four, see [1].\n'),
        ("letter.txt", '{{greeting}}\n\nYour "badge": it is at the desk.\n'),
        ("list.txt", '["a", "b"] are the two keys.\n\nUse "a": it opens.\n'),
    ],
)
def test_text_that_only_looks_like_json_is_text(name, text):
    document = sound(registry.parse_document(text.encode(), name))
    assert document.media_type in {"text/plain", "text/markdown"}


def test_json_is_told_by_its_beginning_where_it_is_long():
    values = [{"text": f"Line {number} says so."} for number in range(4000)]
    for body in (json.dumps(values), "\n".join(map(json.dumps, values))):
        assert registry.read_media_type(body.encode(), "export") == "application/jsonl"


def test_a_damaged_export_is_refused_with_its_line():
    with pytest.raises(Unreadable, match="line 3 is no JSON"):
        registry.parse_document(b'{"a": 1}\n\n{"b": 2,}\n', "x.json")


def test_halves_of_characters_and_deep_values_cost_no_other_record():
    deep: object = "down there"
    for _ in range(60):
        deep = {"inside": [deep]}
    body = json.dumps([{"text": "<p>Half \ud800 of it.</p>"}, {"title": "Deep", "more": deep}])
    document = sound(registry.parse_document(body.encode(), "x.json"))
    assert "of it." in document.text
    assert "Deep" in said(document)
    assert "inside: …" in document.text
