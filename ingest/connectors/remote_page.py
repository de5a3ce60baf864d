"""A page of another system: what a listing says of it, and its content."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from ingest.errors import Unreadable

ReaderLayers = tuple[frozenset[str], ...]
"""Names of groups there: whoever sees a page is in one group of every layer."""

PUBLIC = "public"  # a name for everybody, signed in there or not
WORKSPACE = "workspace"  # for everybody who has an account there
UNKNOWN = "unknown"  # where the other system tells nobody who may see a page

SHUT_STATUSES = frozenset({401, 403, 407, 451})
SHUT_NOTE = "until it is read again, only administrators see what is kept of it"


class PageGone(Unreadable):
    """A page that was listed is no more."""


class PageUnreadable(Unreadable):
    """A page that cannot be had now, or not in a form that is read here."""


class PageShut(PageUnreadable):
    """A page that is there and that we may not read any more: nobody knows who may."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RemotePage:
    """A page as it was listed.

    id: what the other system calls it, whatever its title is. path: its uri below the source's
    name, made of what does not change with a rename. address: where people open it, or nothing.
    version: differs when its content does; empty where that is not told. readers: who may see it;
    None where that could not be read.
    """

    id: str
    path: str
    address: str
    title: str = ""
    version: str = ""
    readers: ReaderLayers | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PageContent:
    """The content of a page. ending: of its file. stamp: what to ask by whether it changed."""

    body: bytes
    ending: str = ".html"
    stamp: str = ""


class Connector(Protocol):
    """Reads one source of another system."""

    def list_pages(self) -> Iterator[RemotePage]:
        """List every page, or raise: a listing that broke off would read as pages removed."""
        ...

    def fetch_page(self, page: RemotePage, stamp: str) -> PageContent | None:
        """Fetch a page; None where it is as it was when it got its stamp.

        Raises PageGone, PageShut, PageUnreadable, OutboundError.
        """
        ...

    def is_gone(self, page_id: str) -> bool:
        """Tell whether a page that is no longer listed is really no more."""
        ...
