"""What came of a lookup for one customer: the fact, or why there is none. Pure.

A lookup asks another system of the operator's, such as the one that knows where an order is. What
it says is of one customer and one moment: it goes with the question, and into no index and cache.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

LOOKUP_SCHEME: Final = "lookup:"


class LookupStatus(StrEnum):
    """What came of it.

    not_found: there is none, or none of this customer's: the two are told apart nowhere.
    needs_account: nobody knows who asks. unavailable: the other system is down, slow or odd.
    limited: asked too often within a minute. needs_value: the question names no number.
    """

    FOUND = "found"
    NOT_FOUND = "not_found"
    NEEDS_ACCOUNT = "needs_account"
    UNAVAILABLE = "unavailable"
    LIMITED = "limited"
    NEEDS_VALUE = "needs_value"


@dataclass(frozen=True, slots=True, kw_only=True)
class LookupResult:
    """A lookup of one value. title, text: of a fact that was found, in the question's language."""

    lookup: str
    value: str
    status: LookupStatus
    title: str = ""
    text: str = ""

    @property
    def uri(self) -> str:
        """Return the name by which its citation is known.

        >>> LookupResult(lookup="orders", value="12345", status=LookupStatus.FOUND).uri
        'lookup:orders/12345'
        """
        return f"{LOOKUP_SCHEME}{self.lookup}/{self.value}"


def is_lookup(uri: str) -> bool:
    """Tell whether a citation is of a lookup, and of no document."""
    return uri.startswith(LOOKUP_SCHEME)
