"""Which citations of a draft a reply still names: an agent may have written it anew. Pure."""

import re
from collections.abc import Mapping
from typing import Any, Final

_MARK: Final = re.compile(r"\[(\d{1,3})\]")


def choose_citations(text: str, draft: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the citations that marks such as ``[1]`` name, with what opens them; empty for none.

    Only what the desk itself cited for this agent and this customer can be cited: a client sends
    numbers, and no quotes.

    >>> draft = {"generation": 3, "citations": [{"number": 1}, {"number": 2}]}
    >>> choose_citations("See [2], and [7].", draft)
    {'citations': [{'number': 2}], 'generation': 3}
    >>> choose_citations("Plain words.", draft)
    {}
    """
    numbers = {int(mark) for mark in _MARK.findall(text)}
    citations = [
        citation for citation in (draft or {}).get("citations", ()) if citation["number"] in numbers
    ]
    if draft is None or not citations:
        return {}
    return {"citations": citations, "generation": draft.get("generation")}
