"""A Notion of the tests, which answers as its documentation says (Notion-Version 2022-06-28).

Shapes (developers.notion.com/reference):

- ``POST /v1/search`` with ``{"filter": {"property": "object", "value": "page"}, "sort":
  {"direction": "ascending", "timestamp": "last_edited_time"}, "page_size": 100, "start_cursor": …}``
  → ``{"object": "list", "results": [{"object": "page", "id": "59833787-2cf9-…", "last_edited_time":
  "2026-05-01T10:00:00.000Z", "archived": false, "in_trash": false, "url": "https://www.notion.so/…",
  "public_url": null, "parent": {"type": "page_id", "page_id": …}, "properties": {"title": {"type":
  "title", "title": [{"plain_text": …}]}}}], "next_cursor": …, "has_more": false}``
- ``GET /v1/pages/{id}`` → one of those, or 404 ``{"object": "error", "code": "object_not_found"}``
- ``GET /v1/blocks/{id}/children?page_size=100&start_cursor=…`` → ``{"object": "list", "results":
  [{"object": "block", "id": …, "has_children": false, "type": "paragraph", "paragraph":
  {"rich_text": [{"type": "text", "plain_text": …, "href": null}]}}], "next_cursor": …, "has_more": …}``
- 429 with ``Retry-After`` in seconds
"""

import json
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from small_server import SmallReply, SmallRequest

Facts = dict[str, Any]


def text(words: str, href: str | None = None) -> Facts:
    return {"type": "text", "plain_text": words, "href": href}


def block(kind: str, words: str = "", *children: Facts, **facts: Any) -> Facts:
    """Give a block with what lies in it, under ``children``, which the server takes apart."""
    content = {"rich_text": [text(words)] if words else [], **facts}
    return {"object": "block", "type": kind, kind: content, "children": list(children)}


@dataclass(slots=True)
class NotionServer:
    """Pages by number. unlisted: numbers that the search leaves out, as it may."""

    pages: dict[int, Facts] = field(default_factory=dict)
    contents: dict[str, list[Facts]] = field(default_factory=dict)
    unlisted: set[int] = field(default_factory=set)
    per_reply: int = 2
    is_complete: bool = True
    broken_at: str = ""

    def put_page(
        self,
        number: int,
        title: str,
        *blocks: Facts,
        edited: str = "2026-05-01T10:00:00.000Z",
        parent: Facts | None = None,
        public: bool = False,
        **properties: Any,
    ) -> None:
        identity = str(UUID(int=number))
        self.pages[number] = {
            "object": "page",
            "id": identity,
            "last_edited_time": edited,
            "archived": False,
            "in_trash": False,
            "url": f"https://www.notion.so/{title}-{UUID(int=number).hex}",
            "public_url": f"https://example.notion.site/{number}" if public else None,
            "parent": parent or {"type": "workspace", "workspace": True},
            "properties": {"Name": {"type": "title", "title": [text(title)]}, **properties},
        }
        self._put_blocks(UUID(int=number).hex, list(blocks))

    def _put_blocks(self, identity: str, blocks: list[Facts]) -> None:
        placed = []
        for number, one in enumerate(blocks):
            inner = f"{identity}b{number}"
            children = one.get("children", [])
            placed.append({**one, "id": inner, "has_children": bool(children)})
            placed[-1].pop("children", None)
            if children:
                self._put_blocks(inner, children)
        self.contents[identity] = placed

    def answer(self, request: SmallRequest) -> SmallReply:  # noqa: PLR0911, one a path
        headers = request.headers
        if headers.get("authorization") != "Bearer ntn_secret":
            return SmallReply(status=401, body=b'{"object": "error", "code": "unauthorized"}')
        if headers.get("notion-version") != "2022-06-28":
            return SmallReply(status=400)
        if self.broken_at and self.broken_at in request.target + request.body.decode():
            return SmallReply(status=500)
        parts = request.path.strip("/").split("/")
        if parts[1] == "search":
            return self._answer_search(json.loads(request.body))
        if parts[1] == "pages":
            page = self.pages.get(UUID(parts[2]).int)
            return _json(page) if page else SmallReply(status=404)
        if parts[1] == "blocks" and len(parts) == 4 and parts[2] in self.contents:
            return self._page_out(self.contents[parts[2]], request.query.get("start_cursor"))
        return SmallReply(status=404)

    def _answer_search(self, query: Facts) -> SmallReply:
        assert query["filter"] == {"property": "object", "value": "page"}
        listed = [page for number, page in self.pages.items() if number not in self.unlisted]
        listed.sort(key=lambda page: page["last_edited_time"])
        return self._page_out(listed, query.get("start_cursor"))

    def _page_out(self, items: list[Facts], cursor: str | None) -> SmallReply:
        at = int(cursor or 0)
        more = at + self.per_reply < len(items)
        facts: Facts = {
            "object": "list",
            "results": items[at : at + self.per_reply],
            "next_cursor": str(at + self.per_reply) if more else None,
            "has_more": more,
        }
        if not self.is_complete:
            facts["request_status"] = {
                "type": "incomplete",
                "incomplete_reason": "query_result_limit_reached",
            }
        return _json(facts)


def _json(facts: Facts) -> SmallReply:
    return SmallReply(body=json.dumps(facts).encode(), headers={"content-type": "application/json"})
