"""A draft of an entry, as its store takes it."""

from typing import Any

from ragdesk.support.learning.draft import Draft


def make_draft(**fields: Any) -> Draft:
    """Make a draft of an agent's reply; fields: what it has otherwise."""
    plain: dict[str, Any] = {
        "id": "",
        "collection": "default",
        "origin": "reply",
        "question": "Do you ship?",
        "answer": "Yes.",
        "language": "en",
        "author": "eve",
        "created": 0,
        "updated": 0,
    }
    return Draft(**{**plain, **fields})
