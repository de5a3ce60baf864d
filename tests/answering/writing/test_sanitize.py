"""What is more than words leaves a model's text, whole or while it grows."""

from hypothesis import given
from hypothesis import strategies as st

from ragdesk.answering.writing.sanitize import GrowingSanitizer, sanitize_text

TEXT = st.lists(
    st.sampled_from(
        [
            *"ab退。 \n\t.:/[]<\u200b\u00a0",
            "https://x.example",
            "www.",
            "a@b.example",
            "see",
            "x.de",
        ]
    ),
    max_size=30,
).map("".join)


@given(TEXT, st.lists(st.integers(0, 200), max_size=10))
def test_a_growing_text_is_cleaned_as_the_whole_one_is(text, cuts):
    growing, shown = GrowingSanitizer(known_text="a@b.example"), ""
    for cut in sorted(cuts):
        shown += growing.grow(text[:cut])
        assert growing.text == shown
        assert sanitize_text(text, "a@b.example").strip().startswith(shown)
    shown += growing.grow(f"{text} ")
    assert shown == sanitize_text(text, "a@b.example").strip()
