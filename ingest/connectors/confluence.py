"""Confluence Cloud as a source: the pages of its spaces, with their restrictions.

Pages are listed by REST v2, which knows all of them; who may see them comes in bulk with a CQL
search of v1, and page by page for those that the search does not know yet. A restriction holds for
all pages below it too.
"""

import base64
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote, urljoin, urlsplit

from ingest.connectors.confluence_storage import convert_storage
from ingest.connectors.json_values import find_facts, find_list, find_text
from ingest.connectors.paced_client import PacedClient
from ingest.connectors.page_html import make_page
from ingest.connectors.remote_page import (
    SHUT_NOTE,
    SHUT_STATUSES,
    PageContent,
    PageGone,
    PageShut,
    PageUnreadable,
    ReaderLayers,
    RemotePage,
)
from ingest.errors import SourceUnreadable

_FORMAT: Final = 1  # of the HTML that is made of a page; another one fetches all anew
_OK, _NOT_FOUND = 200, 404
_MOST_REPLIES: Final = 10_000  # of one listing
_DEEPEST: Final = 100
_FOLDERS: Final = {
    "folder": "folders",
    "whiteboard": "whiteboards",
    "database": "databases",
    "embed": "embeds",
}
_RESTRICTIONS: Final = "restrictions.read.restrictions.group,restrictions.read.restrictions.user"


def basic_login(user: str, token: str) -> dict[str, str]:
    """Return the header of a basic login."""
    words = base64.b64encode(f"{user}:{token}".encode()).decode("ascii")
    return {"Authorization": f"Basic {words}"}


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a page or a folder lies: its parent, and who may see it by itself."""

    parent: str
    parent_kind: str


@dataclass(slots=True)
class _Space:
    """What is known of a space while it is listed. own: restrictions by id; None: unreadable."""

    key: str
    readers: frozenset[str] | None
    pages: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    own: dict[str, frozenset[str] | None] = field(default_factory=dict)
    unlimited: set[str] = field(default_factory=set)
    places: dict[str, _Place | None] = field(default_factory=dict)


class ConfluenceConnector:
    """Reads spaces of a Confluence Cloud site.

    address: with its ``/wiki``. spaces: keys; empty for all that the account may see.
    """

    def __init__(self, client: PacedClient, address: str, spaces: Sequence[str] = ()) -> None:
        self._client, self._address, self._keys = client, address.rstrip("/"), tuple(spaces)
        self._group_names: dict[str, str] = {}
        self._spaces: dict[str, _Space] = {}  # by id, as they were listed

    def list_pages(self) -> Iterator[RemotePage]:
        """List the current pages of all spaces. Raises SourceUnreadable."""
        spaces = self._list_spaces()
        for identity, key in spaces.items():
            space = self._spaces[identity] = _Space(key, self._read_space_readers(identity))
            for page in self._iterate(f"/api/v2/spaces/{identity}/pages?limit=250&status=current"):
                if page_id := find_text(page, "id"):
                    space.pages[page_id] = page
            self._read_restrictions(space)
            for page_id, page in space.pages.items():
                yield self._make_page(space, page_id, page)

    def _list_spaces(self) -> dict[str, str]:
        """Return the keys of the spaces by their ids. Raises SourceUnreadable for a missing one."""
        wanted = (
            f"&keys={','.join(quote(key, safe='') for key in self._keys)}" if self._keys else ""
        )
        spaces = {
            find_text(space, "id"): find_text(space, "key")
            for space in self._iterate(f"/api/v2/spaces?limit=250&status=current{wanted}")
        }
        spaces.pop("", None)
        if missing := set(self._keys) - set(spaces.values()):
            raise SourceUnreadable(
                f"The source {self._client.name!r} has no space {min(missing)!r} that its token "
                "may see. Nothing was changed."
            )
        return {
            identity: key for identity, key in spaces.items() if not self._keys or key in self._keys
        }

    def _read_space_readers(self, identity: str) -> frozenset[str] | None:
        """Return the groups that may see a space, by id and name; None where that is not told."""
        names: set[str] = set()
        path = f"/api/v2/spaces/{identity}/permissions?limit=250"
        status, facts = self._ask(path)
        if status != _OK:
            return None
        for permission in self._iterate_from(path, facts):
            reads = find_text(permission, "operation", "key") == "read"
            of_space = find_text(permission, "operation", "targetType") == "space"
            if reads and of_space and find_text(permission, "principal", "type") == "group":
                names |= self._name_group(find_text(permission, "principal", "id"))
        return frozenset(names)

    def _name_group(self, identity: str) -> set[str]:
        if identity not in self._group_names:
            path = f"/rest/api/group/by-id?id={quote(identity, safe='')}"
            status, facts = self._ask(path)
            self._group_names[identity] = find_text(facts, "name") if status == _OK else ""
        return {identity, self._group_names[identity]} - {""}

    def _read_restrictions(self, space: _Space) -> None:
        """Read who may see the pages of a space by themselves."""
        key = space.key.replace("\\", "").replace('"', "")
        cql = quote(f'space="{key}" and type=page', safe="")
        path = f"/rest/api/content/search?cql={cql}&limit=100&expand={_RESTRICTIONS}"
        for page in self._iterate(path):
            identity = find_text(page, "id")
            read = find_facts(page, "restrictions", "read", "restrictions")
            if identity and "group" in read and "user" in read:
                self._note_restriction(space, identity, read)
        for identity in space.pages:
            if identity not in space.own and identity not in space.unlimited:
                self._read_restriction(space, identity)

    def _read_restriction(self, space: _Space, identity: str) -> None:
        status, facts = self._ask(f"/rest/api/content/{identity}/restriction/byOperation/read")
        read = find_facts(facts, "restrictions")
        if status == _OK and "group" in read and "user" in read:
            self._note_restriction(space, identity, read)
        else:
            space.own[identity] = None

    def _note_restriction(self, space: _Space, identity: str, read: Mapping[str, Any]) -> None:
        """Note the groups of a restriction. One to persons alone lets no group in."""
        groups, users = find_list(read, "group", "results"), find_list(read, "user", "results")
        if not groups and not users:
            space.unlimited.add(identity)
            return
        names = {find_text(group, key) for group in groups for key in ("id", "name")}
        space.own[identity] = frozenset(names - {""})

    def _find_layers(self, space: _Space, page_id: str) -> ReaderLayers | None:
        """Return who may see a page: its space, itself, and all it lies in."""
        if space.readers is None:
            return None
        layers, identity, kind = [space.readers], page_id, "page"
        for _ in range(_DEEPEST):
            if kind != "page" and identity not in space.own and identity not in space.unlimited:
                self._read_restriction(space, identity)
            if identity not in space.unlimited:
                if (own := space.own.get(identity)) is None:
                    return None
                layers.append(own)
            place = self._find_place(space, identity, kind)
            if place is None:
                return None
            if not place.parent or place.parent_kind == "space":
                return tuple(layers)
            identity, kind = place.parent, place.parent_kind
        return None

    def _find_place(self, space: _Space, identity: str, kind: str) -> _Place | None:
        if identity in space.places:
            return space.places[identity]
        facts: Any = space.pages.get(identity) if kind == "page" else None
        if facts is None and kind in _FOLDERS:
            status, facts = self._ask(f"/api/v2/{_FOLDERS[kind]}/{quote(identity, safe='')}")
            facts = facts if status == _OK else None
        place = None
        if facts is not None:
            place = _Place(find_text(facts, "parentId"), find_text(facts, "parentType"))
        space.places[identity] = place
        return place

    def _make_page(self, space: _Space, page_id: str, page: Mapping[str, Any]) -> RemotePage:
        number = find_text(page, "version", "number")
        link = find_text(page, "_links", "webui")
        return RemotePage(
            id=page_id,
            path=f"{space.key}/{page_id}",
            address=f"{self._address}{link}" if link.startswith("/") else "",
            title=find_text(page, "title"),
            version=f"{number}.{_FORMAT}" if number else "",
            readers=self._find_layers(space, page_id),
        )

    def fetch_page(self, page: RemotePage, stamp: str) -> PageContent | None:
        """Fetch a page in the storage format."""
        del stamp  # a version says all
        status, facts = self._ask(f"/api/v2/pages/{quote(page.id, safe='')}?body-format=storage")
        if status == _NOT_FOUND:
            raise PageGone(f"{page.id} is no more")
        if status in SHUT_STATUSES:
            raise PageShut(f"Confluence answered {status}; {SHUT_NOTE}")
        if status != _OK or "value" not in find_facts(facts, "body", "storage"):
            raise PageUnreadable(f"Confluence answered {status}, and no page")
        if find_text(facts, "version", "number") != page.version.partition(".")[0]:
            self._check_readers(page.id)
        body = convert_storage(find_text(facts, "body", "storage", "value"))
        return PageContent(
            body=make_page(find_text(facts, "title") or page.title, page.address, body)
        )

    def _check_readers(self, page_id: str) -> None:
        """Hold a page that changed since it was listed, if it was restricted meanwhile."""
        space = next(candidate for candidate in self._spaces.values() if page_id in candidate.pages)
        listed = space.own.get(page_id)
        was_unlimited = page_id in space.unlimited
        space.unlimited.discard(page_id)
        self._read_restriction(space, page_id)
        if was_unlimited != (page_id in space.unlimited) or space.own.get(page_id) != listed:
            raise PageUnreadable("who may see it changed while it was read; the next look takes it")

    def is_gone(self, page_id: str) -> bool:
        """Tell whether a page is deleted, archived, moved elsewhere or hidden from the account."""
        status, facts = self._ask(f"/api/v2/pages/{quote(page_id, safe='')}")
        is_current = status == _OK and find_text(facts, "status") == "current"
        return not is_current or find_text(facts, "spaceId") not in self._spaces

    def _ask(self, path: str) -> tuple[int, Any]:
        return self._client.send_json("GET", f"{self._address}{path}")

    def _iterate(self, path: str) -> Iterator[Mapping[str, Any]]:
        """Yield all results of a listing. Raises SourceUnreadable where one reply is missing."""
        status, facts = self._ask(path)
        if status != _OK or not isinstance(find_facts(facts).get("results"), list):
            raise SourceUnreadable(
                f"The source {self._client.name!r} answered {status} to {urlsplit(path).path}, and "
                "no list. Nothing was changed. May its account see the spaces, and does address "
                "end in /wiki?"
            )
        yield from self._iterate_from(path, facts)

    def _iterate_from(self, path: str, facts: Any) -> Iterator[Mapping[str, Any]]:
        """Yield the results of a reply and of all that follow it."""
        visited = {path}
        while True:
            yield from (entry for entry in find_list(facts, "results") if isinstance(entry, dict))
            following = find_text(facts, "_links", "next")
            if not following:
                return
            if following in visited or len(visited) >= _MOST_REPLIES:
                raise SourceUnreadable(f"A listing of {self._client.name!r} never ends.")
            visited.add(following)
            status, facts = self._client.send_json("GET", self._place_link(following))
            if status != _OK or not isinstance(find_facts(facts).get("results"), list):
                raise SourceUnreadable(
                    f"A listing of {self._client.name!r} broke off ({status}). Nothing was changed."
                )

    def _place_link(self, link: str) -> str:
        """Return the address of a link: of v2 from the host on, of v1 from ``/wiki`` on."""
        base = urlsplit(self._address)
        if link.startswith("/") and not link.startswith((f"{base.path}/", "//")):
            return f"{self._address}{link}"
        return urljoin(self._address, link)
