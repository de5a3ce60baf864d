"""A Confluence Cloud of the tests, which answers as its documentation says.

Shapes, of REST v2 (developer.atlassian.com/cloud/confluence/rest/v2) and v1:

- ``GET /wiki/api/v2/spaces?keys=HR`` → ``{"results": [{"id": "1", "key": "HR", "name": …, "type":
  "global", "status": "current"}], "_links": {"next": "/wiki/api/v2/spaces?cursor=…", "base": …}}``
- ``GET /wiki/api/v2/spaces/{id}/permissions`` → ``{"results": [{"id": …, "principal": {"type":
  "group", "id": …}, "operation": {"key": "read", "targetType": "space"}}], "_links": {}}``
- ``GET /wiki/api/v2/spaces/{id}/pages`` and ``/wiki/api/v2/pages/{id}?body-format=storage`` →
  ``{"id": …, "status": "current", "title": …, "spaceId": …, "parentId": …, "parentType": "page",
  "version": {"number": 19, …}, "body": {"storage": {"value": …, "representation": "storage"}},
  "_links": {"webui": "/spaces/HR/pages/…"}}``
- ``GET /wiki/rest/api/content/search?cql=…&expand=…`` → ``{"results": [{"id": …, "restrictions":
  {"read": {"operation": "read", "restrictions": {"user": {"results": [], …}, "group": {"results":
  [{"type": "group", "name": …, "id": …}], …}}}}}], "_links": {"next": "/rest/api/content/…"}}``
- ``GET /wiki/rest/api/content/{id}/restriction/byOperation/read`` → ``{"operation": "read",
  "restrictions": {"user": …, "group": …}}``
- ``GET /wiki/rest/api/group/by-id?id=…`` → ``{"type": "group", "name": …, "id": …}``
"""

import base64
import json
from dataclasses import dataclass, field, replace
from typing import Any

from small_server import SmallReply, SmallRequest

LOGIN = "Basic " + base64.b64encode(b"desk@example.test:secret").decode()
Facts = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class WikiPage:
    """A page. groups, users: its own restriction; both empty: none."""

    title: str
    body: str = "<p>Text.</p>"
    space: str = "1"
    number: int = 1
    parent: str = ""
    parent_kind: str = "page"
    status: str = "current"
    groups: tuple[str, ...] = ()
    users: tuple[str, ...] = ()

    def edit(self, **changes: Any) -> "WikiPage":
        return replace(self, number=self.number + 1, **changes)


@dataclass(slots=True)
class ConfluenceServer:
    """Spaces and pages, by id. hidden: ids whose restrictions are not told. per_reply: of a list."""

    pages: dict[str, WikiPage] = field(default_factory=dict)
    spaces: dict[str, str] = field(default_factory=lambda: {"1": "HR"})
    space_groups: tuple[str, ...] = ("g-staff",)
    group_names: dict[str, str] = field(default_factory=lambda: {"g-staff": "all-staff"})
    folders: dict[str, str] = field(default_factory=dict)
    unlisted: set[str] = field(default_factory=set)
    hidden: set[str] = field(default_factory=set)
    per_reply: int = 2
    permissions_status: int = 200
    broken_at: str = ""

    def answer(self, request: SmallRequest) -> SmallReply:  # noqa: PLR0911, one a path
        if request.headers.get("authorization") != LOGIN:
            return SmallReply(status=401)
        if self.broken_at and self.broken_at in request.target:
            return SmallReply(status=502)
        path = request.path.removeprefix("/wiki")
        parts = path.strip("/").split("/")
        if path.startswith("/api/v2/spaces"):
            return self._answer_spaces(request, parts)
        if path.startswith("/api/v2/pages/"):
            return self._answer_page(request, parts[3])
        if path.startswith("/api/v2/folders/") and parts[3] in self.folders:
            parent = self.folders[parts[3]]
            return _json({"id": parts[3], "parentId": parent, "parentType": "page"})
        if path == "/rest/api/content/search":
            listed = [one for one in self._current() if one not in self.unlisted]
            facts = [
                {"id": one, "restrictions": {"read": self._restriction(one)}} for one in listed
            ]
            return self._page_out(request, facts, "/rest/api/content/search")
        if path.startswith("/rest/api/content/") and parts[3] not in self.hidden:
            return _json(self._restriction(parts[3]))
        if path == "/rest/api/group/by-id":
            identity = request.query["id"]
            if identity in self.group_names:
                return _json({"type": "group", "id": identity, "name": self.group_names[identity]})
        return SmallReply(status=404)

    def _answer_spaces(self, request: SmallRequest, parts: list[str]) -> SmallReply:
        if len(parts) == 3:
            keys = request.query.get("keys", "").split(",")
            facts = [
                {"id": one, "key": key, "status": "current"}
                for one, key in self.spaces.items()
                if key in keys or keys == [""]
            ]
            return self._page_out(request, facts, request.path)
        if parts[4] == "permissions":
            facts = [
                {
                    "principal": {"type": kind, "id": one},
                    "operation": {"key": key, "targetType": of},
                }
                for one in self.space_groups
                for kind, key, of in (("group", "read", "space"), ("user", "read", "space"))
            ]
            facts.append(
                {
                    "principal": {"type": "group", "id": "g-all"},
                    "operation": {"key": "create", "targetType": "page"},
                }
            )
            reply = self._page_out(request, facts, request.path)
            return replace(reply, status=self.permissions_status)
        facts = [self._facts(one) for one in self._current() if self.pages[one].space == parts[3]]
        return self._page_out(request, facts, request.path)

    def _answer_page(self, request: SmallRequest, identity: str) -> SmallReply:
        if identity not in self.pages:
            return SmallReply(status=404)
        facts = self._facts(identity)
        if request.query.get("body-format") == "storage":
            body = self.pages[identity].body
            facts["body"] = {"storage": {"value": body, "representation": "storage"}}
        return _json(facts)

    def _current(self) -> list[str]:
        return [one for one, page in self.pages.items() if page.status == "current"]

    def _facts(self, identity: str) -> Facts:
        page = self.pages[identity]
        return {
            "id": identity,
            "status": page.status,
            "title": page.title,
            "spaceId": page.space,
            "parentId": page.parent or None,
            "parentType": page.parent_kind if page.parent else None,
            "version": {"number": page.number},
            "_links": {"webui": f"/spaces/{self.spaces[page.space]}/pages/{identity}/{page.title}"},
        }

    def _restriction(self, identity: str) -> Facts:
        page = self.pages.get(identity, WikiPage(title="a folder"))
        users = [{"type": "known", "accountId": one} for one in page.users]
        groups = [
            {"type": "group", "name": self.group_names.get(one, one), "id": one}
            for one in page.groups
        ]
        sides = {"user": {"results": users}, "group": {"results": groups}}
        return {"operation": "read", "restrictions": sides}

    def _page_out(self, request: SmallRequest, facts: list[Facts], path: str) -> SmallReply:
        """Give one reply of a list, and where the next one is."""
        at = int(request.query.get("cursor", 0))
        more = at + self.per_reply < len(facts)
        links = {"next": f"{path}?cursor={at + self.per_reply}"} if more else {}
        if more and "keys" in request.query:
            links["next"] += f"&keys={request.query['keys']}"
        return _json({"results": facts[at : at + self.per_reply], "_links": links})


def _json(facts: Facts) -> SmallReply:
    return SmallReply(body=json.dumps(facts).encode(), headers={"content-type": "application/json"})
