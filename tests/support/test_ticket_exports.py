import json

import pytest

from ragdesk.errors import Invalid
from ragdesk.support.learning.ticket_exports import clean_reply, read_tickets

LONG = "Parcels to Malta take five working days."
# In the shape of Zendesk's documentation of the ticket export (JSON): a ticket with its comments.
ZENDESK = {
    "id": 35436,
    "subject": "Delivery to Malta",
    "description": "How long does it take?",
    "requester_id": 1,
    "comments": [
        {"author_id": 1, "body": "How long does it take?", "public": True},
        {"author_id": 2, "body": "ask the warehouse first", "public": False},
        {"author_id": 2, "plain_body": f"Hi Ann,\n{LONG}\n\nBest regards\nTom", "public": True},
    ],
}


def write(folder, name, text):
    file = folder / name
    file.write_text(text, encoding="utf-8")
    return file


def test_a_table_of_questions_and_answers_is_read(tmp_path):
    file = write(tmp_path, "a.csv", f'id;Subject;Description;Reply\n7;Malta;"How\nlong?";{LONG}\n')
    (ticket,) = read_tickets(file).tickets
    assert (ticket.number, ticket.question, ticket.answer) == ("7", "Malta\nHow\nlong?", LONG)


@pytest.mark.parametrize("as_list", [True, False])
def test_zendesk_tickets_keep_the_last_public_reply_of_another_person(tmp_path, as_list):
    text = json.dumps({"tickets": [ZENDESK]}) if as_list else json.dumps(ZENDESK) + "\n"
    (ticket,) = read_tickets(write(tmp_path, "z.json", text)).tickets
    assert (ticket.number, ticket.answer) == ("35436", LONG)
    assert ticket.question.startswith("Delivery to Malta\nHow long")


def test_what_is_left_out_is_counted_by_its_reason(tmp_path):
    rows = [{"question": "q", "answer": "Done."}, {"question": "", "answer": LONG}]
    rows += [{"问题": "能寄到马耳他吗", "答案": "可以，通常需要五个工作日送达。"}]
    read = read_tickets(write(tmp_path, "a.jsonl", "\n".join(map(json.dumps, rows))))
    assert [ticket.question for ticket in read.tickets] == ["能寄到马耳他吗"]
    assert sum(read.left_out.values()) == 2


@pytest.mark.parametrize(
    ("name", "text"),
    [("a.csv", "colour,size\nred,5\n"), ("a.json", "{"), ("b.csv", "\x00\x00")],
)
def test_a_file_that_is_no_export_is_refused_by_name(tmp_path, name, text):
    with pytest.raises(Invalid, match=name):
        read_tickets(write(tmp_path, name, text))


def test_a_latin_file_is_refused_and_says_what_is_read(tmp_path):
    (tmp_path / "a.csv").write_bytes("question,answer\né,ü\n".encode("latin-1"))
    with pytest.raises(Invalid, match="question and answer"):
        read_tickets(tmp_path / "a.csv")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("您好，\n五天内送达。\n\n此致\n敬礼", "五天内送达。"),
        ("Hello there\nYes.\n-- \nTom", "Yes."),
        ("Regards are sent by mail.", "Regards are sent by mail."),
    ],
)
def test_greeting_and_signature_are_no_answer(text, wanted):
    assert clean_reply(text) == wanted
