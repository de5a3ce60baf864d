"""Notion as a source: the pages that are shared with an integration.

Its API tells nobody who may see a page, so the settings say it: of all pages by ``unknown``, and of
those that are published to the web by ``public`` too. Without a word they are for administrators.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote

from ingest.connectors.json_values import find_facts, find_list, find_text, find_value
from ingest.connectors.notion_blocks import (
    NotionBlock,
    find_page_name,
    write_blocks,
    write_properties,
)
from ingest.connectors.paced_client import PacedClient
from ingest.connectors.page_html import make_page
from ingest.connectors.remote_page import (
    PUBLIC,
    SHUT_NOTE,
    SHUT_STATUSES,
    UNKNOWN,
    PageContent,
    PageGone,
    PageShut,
    PageUnreadable,
    RemotePage,
)
from ingest.errors import SourceUnreadable

NOTION_VERSION: Final = "2022-06-28"
_FORMAT: Final = 1  # of the HTML that is made of a page; another one fetches all anew
_OK, _NOT_FOUND = 200, 404
_GRAIN: Final = 120.0  # seconds: times of edits are of whole minutes
_MOST_REPLIES: Final = 10_000
_MOST_BLOCKS: Final = 20_000  # of a page
_DEEPEST: Final = 100
_PARENTS: Final = {"page_id": "pages", "database_id": "databases", "block_id": "blocks"}


class NotionConnector:
    """Reads the pages that an integration may see.

    roots: ids of pages, of which, and of all below them, the source is; empty for all.
    """

    def __init__(self, client: PacedClient, address: str, roots: Sequence[str] = ()) -> None:
        self._client, self._address = client, address.rstrip("/")
        self._roots = {_plain_id(root) for root in roots}
        self._parents: dict[str, tuple[str, str]] = {}  # by id: kind and id of what it lies in
        self._blocks_left = 0

    def list_pages(self) -> Iterator[RemotePage]:
        """List all pages, the one that was edited last at the end. Raises SourceUnreadable."""
        pages = [page for page in self._search() if _is_current(page)]
        for page in pages:
            self._parents[_plain_id(find_text(page, "id"))] = _parent_of(page)
        for page in pages:
            if self._is_wanted(_plain_id(find_text(page, "id"))):
                yield self._make_page(page)

    def _search(self) -> Iterator[NotionBlock]:
        """Yield the pages of the search; one that is edited meanwhile comes once more at its end.

        From the oldest edit on, none can move to where the listing has been.
        """
        query: dict[str, Any] = {
            "filter": {"property": "object", "value": "page"},
            "sort": {"direction": "ascending", "timestamp": "last_edited_time"},
            "page_size": 100,
        }
        visited: set[str] = set()
        while True:
            status, facts = self._ask("POST", "/v1/search", query)
            if status != _OK or not isinstance(find_value(facts, "results"), list):
                raise SourceUnreadable(
                    f"The search of {self._client.name!r} answered {status}, and no list. Nothing "
                    "was changed. May the integration read content?"
                )
            if find_text(facts, "request_status", "type") == "incomplete":
                raise SourceUnreadable(
                    f"The search of {self._client.name!r} is not complete. Nothing was changed. "
                    "Share less with the integration, or make two of them."
                )
            yield from (entry for entry in find_list(facts, "results") if isinstance(entry, dict))
            cursor = find_text(facts, "next_cursor")
            if find_value(facts, "has_more") is not True:
                return
            if not cursor or cursor in visited or len(visited) >= _MOST_REPLIES:
                raise SourceUnreadable(f"The search of {self._client.name!r} never ends.")
            visited.add(cursor)
            query["start_cursor"] = cursor

    def _make_page(self, page: NotionBlock) -> RemotePage:
        identity = _plain_id(find_text(page, "id"))
        address = find_text(page, "url")
        edited = find_text(page, "last_edited_time")
        names = {UNKNOWN, PUBLIC} if find_text(page, "public_url") else {UNKNOWN}
        return RemotePage(
            id=identity,
            path=identity,
            address=address if address.startswith("https://") else "",
            title=find_page_name(page),
            version="" if self._is_fresh(edited) else f"{edited}.{_FORMAT}",
            readers=(frozenset(names),),
        )

    def _is_fresh(self, edited: str) -> bool:
        """Tell whether a page may be edited again within the same minute, by Notion's clock."""
        try:
            moment = datetime.fromisoformat(edited)
        except ValueError:
            return True
        now = self._client.server_time
        utc = moment.replace(tzinfo=moment.tzinfo or UTC)
        return now is None or utc.timestamp() > now - _GRAIN

    def _is_wanted(self, identity: str) -> bool:
        """Tell whether a page is a root or lies in one, however deep."""
        if not self._roots:
            return True
        kind, visited = "page_id", set[str]()
        while identity and identity not in visited and len(visited) < _DEEPEST:
            if identity in self._roots:
                return True
            visited.add(identity)
            kind, identity = self._find_parent(kind, identity)
        return False

    def _find_parent(self, kind: str, identity: str) -> tuple[str, str]:
        if identity not in self._parents:
            status, facts = self._ask("GET", f"/v1/{_PARENTS[kind]}/{quote(identity, safe='')}")
            self._parents[identity] = _parent_of(facts) if status == _OK else ("", "")
        return self._parents[identity]

    def fetch_page(self, page: RemotePage, stamp: str) -> PageContent | None:
        """Fetch a page: its properties and all its blocks."""
        del stamp  # the time of its last edit says all
        facts = self._read_page(page.id)
        self._blocks_left = _MOST_BLOCKS
        body = write_properties(facts) + write_blocks(
            self._load_children(page.id), self._load_children
        )
        return PageContent(body=make_page(find_page_name(facts), page.address, body))

    def _read_page(self, identity: str) -> NotionBlock:
        status, facts = self._ask("GET", f"/v1/pages/{quote(identity, safe='')}")
        if status == _NOT_FOUND or (status == _OK and not _is_current(find_facts(facts))):
            raise PageGone(f"{identity} is no more")
        if status in SHUT_STATUSES:
            raise PageShut(f"Notion answered {status}; {SHUT_NOTE}")
        if status != _OK:
            raise PageUnreadable(f"Notion answered {status}, and no page")
        return find_facts(facts)

    def _load_children(self, identity: str) -> Iterator[NotionBlock]:
        """Yield the blocks that lie in a page or a block."""
        cursor, visited = "", set[str]()
        while True:
            more = f"&start_cursor={quote(cursor, safe='')}" if cursor else ""
            path = f"/v1/blocks/{quote(identity, safe='')}/children?page_size=100{more}"
            status, facts = self._ask("GET", path)
            if status != _OK or not isinstance(find_value(facts, "results"), list):
                raise PageUnreadable(f"Notion answered {status} to a part of it")
            for block in find_list(facts, "results"):
                self._blocks_left -= 1
                if self._blocks_left < 0:
                    raise PageUnreadable(f"it has more than {_MOST_BLOCKS:,} blocks")
                if isinstance(block, dict):
                    yield block
            cursor = find_text(facts, "next_cursor")
            if find_value(facts, "has_more") is not True:
                return
            if not cursor or cursor in visited:
                raise PageUnreadable("its blocks never end")
            visited.add(cursor)

    def is_gone(self, page_id: str) -> bool:
        """Tell whether a page that the search did not list is really gone.

        The search is not held to be whole by its documentation; a page itself is asked.
        """
        try:
            facts = self._read_page(page_id)
        except PageGone:
            return True
        except PageUnreadable:
            return False
        self._parents[page_id] = _parent_of(facts)
        return not self._is_wanted(page_id)

    def _ask(self, method: str, path: str, content: Any = None) -> tuple[int, Any]:
        return self._client.send_json(method, f"{self._address}{path}", content)


def notion_headers(token: str) -> dict[str, str]:
    """Return the headers of every request to Notion."""
    return {"Authorization": f"Bearer {token}", "Notion-Version": NOTION_VERSION}


def _plain_id(identity: str) -> str:
    """Return an id without its dashes, as both spellings are in use."""
    return identity.replace("-", "").lower()


def _parent_of(facts: Any) -> tuple[str, str]:
    kind = find_text(facts, "parent", "type")
    return (kind, _plain_id(find_text(facts, "parent", kind))) if kind in _PARENTS else ("", "")


def _is_current(page: NotionBlock) -> bool:
    is_page = find_text(page, "object") == "page" and find_text(page, "id")
    gone = any(find_value(page, name) is True for name in ("archived", "in_trash", "is_archived"))
    return bool(is_page) and not gone
