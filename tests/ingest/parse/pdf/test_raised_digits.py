"""Digits that a PDF raises: a note's mark is no part of the number before it."""

import pytest
from pdf_files import HEIGHT, made

from ingest.parse.pdf import reader


def runs(*parts: tuple[str, float, float]):
    """Draw a line of runs that touch, each (text, size, rise)."""

    def draw(canvas, _):
        line = canvas.beginText(72, HEIGHT - 100)
        for text, size, rise in parts:
            line.setFont("Helvetica", size)
            line.setRise(rise)
            line.textOut(text)
        canvas.drawText(line)

    return draw


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        ([("Staff in Lyon: 1,204", 11, 0), ("3", 6.4, 4)], "Staff in Lyon: 1,204³"),
        ([("A court of 60 m", 11, 0), ("2", 6.4, 4), (" is hired", 11, 0)], "60 m² is hired"),
        ([("2", 6.4, 4), ("Without the annexe.", 11, 0)], "²Without the annexe."),
        ([("The fee is due.", 11, 0), (" 12", 6.4, 4)], "The fee is due. ¹²"),
        ([("CO", 11, 0), ("2", 6.4, -2), (" is measured", 11, 0)], "CO2 is measured"),
        ([("- ", 22, 0), ("469 of 966 rooms", 11, 5)], "- 469 of 966 rooms"),
    ],
)
def test_raised_digits_are_no_part_of_a_number(parts, text):
    assert text in reader.parse(made(runs(*parts)), "a.pdf").text
