"""Feishu and Lark as a source: the documents (docx) of knowledge spaces and folders.

Who may see a document is asked for each, at every look: a change of that leaves no other trace.
Groups, chats and departments stand by their ids, as anybody may name a chat as he likes.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from ingest.connectors.feishu_blocks import DocxBlock, DocxWriter
from ingest.connectors.feishu_session import FeishuRefusal, FeishuSession
from ingest.connectors.json_values import find_list, find_text, find_value
from ingest.connectors.page_html import make_page
from ingest.connectors.remote_page import (
    PUBLIC,
    WORKSPACE,
    PageContent,
    PageGone,
    PageUnreadable,
    ReaderLayers,
    RemotePage,
)
from ingest.errors import SourceUnreadable

FOLDER_ROOT: Final = "folder:"
_FORMAT: Final = 1  # of the HTML that is made of a document; another one fetches all anew
_OK: Final = 0
_DELETED: Final = frozenset({1770002, 1770003, 131005})
_NOT_SEEN: Final = frozenset({131005, 131006})
_GRAIN: Final = 120.0  # seconds: times of edits are of whole seconds, and late
_MOST_NODES: Final = 200_000
_MOST_BLOCKS: Final = 50_000
_META_BATCH: Final = 200  # the most that one request takes
_GROUP_KINDS: Final = frozenset({"openchat", "opendepartmentid", "groupid", "wikispaceid"})
_SHARED: Final = {"tenant": WORKSPACE, "anyone": PUBLIC}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """A document as it was listed. kind, token: by which its permissions are asked."""

    id: str
    document: str
    kind: str
    token: str
    title: str
    edited: str
    address: str = ""


class FeishuConnector:
    """Reads documents that an app may see.

    roots: ids of knowledge spaces, or ``folder:`` and the token of a folder; empty for all
    knowledge spaces that the app is a member of.
    """

    def __init__(self, session: FeishuSession, roots: Sequence[str] = ()) -> None:
        self._session, self._roots = session, tuple(roots)
        self._spaces: set[str] = set()
        self._entries: dict[str, _Entry] = {}

    def list_pages(self) -> Iterator[RemotePage]:
        """List all documents with who may see them. Raises SourceUnreadable."""
        for root in self._roots or self._list_spaces():
            if root.startswith(FOLDER_ROOT):
                entries = self._list_folder(root.removeprefix(FOLDER_ROOT))
            else:
                self._spaces.add(root)
                entries = self._list_space(root)
            for entry in entries:
                self._entries.setdefault(entry.id, entry)
        addresses = self._read_addresses([e for e in self._entries.values() if not e.address])
        for entry in self._entries.values():
            yield RemotePage(
                id=entry.id,
                path=entry.id.replace(":", "/"),
                address=entry.address or addresses.get(entry.document, ""),
                title=entry.title,
                version="" if self._is_fresh(entry.edited) else f"{entry.edited}.{_FORMAT}",
                readers=self._read_readers(entry),
            )

    def _list_spaces(self) -> list[str]:
        spaces = self._session.iterate("/wiki/v2/spaces?page_size=50")
        return [name for space in spaces if (name := find_text(space, "space_id"))]

    def _list_space(self, space: str) -> Iterator[_Entry]:
        """Walk the tree of a knowledge space; shortcuts lead to documents that come anyway."""
        parents, visited = [""], {""}
        while parents:
            parent = parents.pop()
            above = f"&parent_node_token={quote(parent, safe='')}" if parent else ""
            path = f"/wiki/v2/spaces/{quote(space, safe='')}/nodes?page_size=50{above}"
            for node in self._session.iterate(path):
                name = find_text(node, "node_token")
                if not name or name in visited:
                    continue
                visited.add(name)
                self._check_size(len(visited))
                if find_value(node, "has_child") is True:
                    parents.append(name)
                is_document = find_text(node, "obj_type") == "docx"
                if is_document and find_text(node, "node_type") != "shortcut":
                    yield _Entry(
                        id=f"wiki:{name}",
                        document=find_text(node, "obj_token"),
                        kind="wiki",
                        token=name,
                        title=find_text(node, "title"),
                        edited=find_text(node, "obj_edit_time"),
                    )

    def _list_folder(self, root: str) -> Iterator[_Entry]:
        folders, visited = [root], {root}
        while folders:
            path = f"/drive/v1/files?page_size=200&folder_token={quote(folders.pop(), safe='')}"
            for file in self._session.iterate(path, "files"):
                name, kind = find_text(file, "token"), find_text(file, "type")
                if not name or name in visited:
                    continue
                visited.add(name)
                self._check_size(len(visited))
                if kind == "folder":
                    folders.append(name)
                elif kind == "docx":
                    address = find_text(file, "url")
                    yield _Entry(
                        id=f"docx:{name}",
                        document=name,
                        kind="docx",
                        token=name,
                        title=find_text(file, "name"),
                        edited=find_text(file, "modified_time"),
                        address=address if address.startswith("https://") else "",
                    )

    def _check_size(self, count: int) -> None:
        if count > _MOST_NODES:
            raise SourceUnreadable(
                f"The source {self._session.client.name!r} lists more than {_MOST_NODES:,} nodes."
            )

    def _read_addresses(self, entries: Sequence[_Entry]) -> dict[str, str]:
        """Return where people open documents; a page whose address is not told has none."""
        addresses: dict[str, str] = {}
        for at in range(0, len(entries), _META_BATCH):
            documents = [
                {"doc_token": entry.document, "doc_type": "docx"}
                for entry in entries[at : at + _META_BATCH]
            ]
            content = {"request_docs": documents, "with_url": True}
            reply = self._session.ask("/drive/v1/metas/batch_query", content)
            for meta in find_list(reply.data, "metas") if reply.code == _OK else ():
                if (address := find_text(meta, "url")).startswith("https://"):
                    addresses[find_text(meta, "doc_token")] = address
        return addresses

    def _read_readers(self, entry: _Entry) -> ReaderLayers | None:
        """Return who may see a document; None where that may not be asked."""
        place = f"{quote(entry.token, safe='')}"
        reply = self._session.ask(f"/drive/v1/permissions/{place}/members?type={entry.kind}")
        if reply.code != _OK or not isinstance(find_value(reply.data, "items"), list):
            return None
        names = {
            find_text(member, "member_id")
            for member in find_list(reply.data, "items")
            if find_text(member, "member_type") in _GROUP_KINDS
        }
        public = self._session.ask(f"/drive/v2/permissions/{place}/public?type={entry.kind}")
        if public.code == _OK:
            shared = find_text(public.data, "permission_public", "link_share_entity")
            names.add(_SHARED.get(shared.partition("_")[0], ""))
        return (frozenset(names - {""}),)

    def _is_fresh(self, edited: str) -> bool:
        """Tell whether a document may be edited again under the same time, by Feishu's clock."""
        now = self._session.client.server_time
        return not edited.isdecimal() or now is None or int(edited[:12]) > now - _GRAIN

    def fetch_page(self, page: RemotePage, stamp: str) -> PageContent | None:
        """Fetch a document, and hold it if others may see it now than when it was listed."""
        del stamp  # the time of its last edit says all
        entry = self._entries[page.id]
        writer = DocxWriter(self._read_blocks(entry.document))
        if self._read_readers(entry) != page.readers:
            raise PageUnreadable("who may see it changed while it was read; the next look takes it")
        title = writer.find_title() or page.title
        return PageContent(body=make_page(title, page.address, writer.write_document()))

    def _read_blocks(self, document: str) -> list[DocxBlock]:
        path = f"/docx/v1/documents/{quote(document, safe='')}/blocks?page_size=500"
        blocks: list[Mapping[str, Any]] = []
        try:
            for block in self._session.iterate(path):
                blocks.append(block)
                if len(blocks) > _MOST_BLOCKS:
                    raise PageUnreadable(f"it has more than {_MOST_BLOCKS:,} blocks")
        except FeishuRefusal as error:
            if error.code in _DELETED:
                raise PageGone(f"{document} is no more") from error
            raise PageUnreadable(f"Feishu answered with code {error.code}") from error
        return blocks

    def is_gone(self, page_id: str) -> bool:
        """Tell whether a document that is not listed is deleted, moved elsewhere or not seen."""
        kind, _, token = page_id.partition(":")
        if kind != "wiki":
            return True
        reply = self._session.ask(f"/wiki/v2/spaces/get_node?token={quote(token, safe='')}")
        if reply.code == _OK:
            return find_text(reply.data, "node", "space_id") not in self._spaces
        return reply.code in _NOT_SEEN
