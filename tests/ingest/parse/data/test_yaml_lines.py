"""YAML as text: its lines, led by keys and comments."""

import pytest
from document_checks import asked, path_of, said, sound

from ingest.document import Document
from ingest.errors import Unreadable
from ingest.parse.data import yaml_lines


def read(source: str) -> Document:
    return sound(yaml_lines.parse(source.encode(), "conf/pump.yaml"))


def test_keys_and_comments_lead_and_values_stay_as_written():
    document = read(
        "%YAML 1.2\n---\n# What a pump may do\nlimits:\n  max_bar: 040  # at the valve\n  zones:\n    - eu\n    - us\n"
        "  motor:\n    rpm: 1_200\nowner: 'Ann: B'\n# The end.\n"
    )
    assert said(document) == [
        "max_bar: 040 (at the valve)",
        "- eu\n- us",
        "rpm: 1_200",
        "owner: Ann: B\nThe end.",
    ]
    assert path_of(document, "max_bar") == ("limits", "What a pump may do")
    assert path_of(document, "rpm")[-1] == "motor"
    assert path_of(document, "owner") == ()


def test_questions_records_and_blocks_of_text():
    document = read(
        'faq:\n- question: "Is it loud?"\n  answer: >\n    No, not\n    at all.\n  tag: noise\n- question: 可以退货吗\n  answer: 可以。\n'
        "pumps:\n- name: A\n  litres: 2\n- name: B\n  litres: 3\nnote: |\n  First line.\n\n  Second.\n"
    )
    assert asked(document) == ["Is it loud?", "可以退货吗"]
    assert "No, not at all.\ntag: noise" in document.text
    assert "name: A\nlitres: 2" in said(document)
    assert "First line." in document.text


@pytest.mark.parametrize(
    "source",
    [
        "a: &a [x]\n" + "".join(f"b{n}: &b{n} [*a, *a]\n" for n in range(50)),
        "".join("  " * n + f"k{n}:\n" for n in range(500)) + "  " * 500 + "deep: 1",
        "- " * 5000 + "x",
        "k: |\n" * 5000 + "  x",
        "? : : {[\n'\"a: b\n\t- c",
    ],
)
def test_any_lines_are_read(source):
    assert read(source).text


def test_nothing_is_no_document():
    with pytest.raises(Unreadable, match="no text"):
        read("---\n...\n")
