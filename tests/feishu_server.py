"""A Feishu of the tests, which answers as its documentation says (open.feishu.cn/document).

Shapes; every reply is ``{"code": 0, "msg": "success", "data": {…}}``, and 0 means that all went well:

- ``POST /open-apis/auth/v3/tenant_access_token/internal`` with ``{"app_id": …, "app_secret": …}`` →
  ``{"code": 0, "msg": "ok", "tenant_access_token": "t-…", "expire": 7200}``
- ``GET /open-apis/wiki/v2/spaces`` → ``data: {"items": [{"space_id": …, "name": …}], "page_token":
  …, "has_more": false}``
- ``GET /open-apis/wiki/v2/spaces/{id}/nodes?parent_node_token=…`` → ``data: {"items":
  [{"space_id": …, "node_token": …, "obj_token": …, "obj_type": "docx", "parent_node_token": …,
  "node_type": "origin", "has_child": false, "title": …, "obj_edit_time": "1642402428"}], …}``
- ``GET /open-apis/wiki/v2/spaces/get_node?token=…`` → ``data: {"node": {…}}``; 131005 not found
- ``GET /open-apis/drive/v1/files?folder_token=…`` → ``data: {"files": [{"token": …, "name": …,
  "type": "docx", "url": …, "modified_time": "1642402428"}], "next_page_token": …, "has_more": …}``
- ``POST /open-apis/drive/v1/metas/batch_query`` → ``data: {"metas": [{"doc_token": …, "url": …}]}``
- ``GET /open-apis/docx/v1/documents/{id}/blocks`` → ``data: {"items": [{"block_id": …, "parent_id":
  …, "children": […], "block_type": 2, "text": {"elements": [{"text_run": {"content": …}}]}}], …}``
- ``GET /open-apis/drive/v1/permissions/{token}/members?type=docx`` → ``data: {"items":
  [{"member_type": "openchat", "member_id": "oc_…", "perm": "view", "type": "chat"}]}``
- ``GET /open-apis/drive/v2/permissions/{token}/public?type=docx`` → ``data: {"permission_public":
  {"link_share_entity": "tenant_readable"}}``
- 99991663 for a token that ran out, 99991400 for too many requests
"""

import json
from dataclasses import dataclass, field
from typing import Any

from small_server import SmallReply, SmallRequest

Facts = dict[str, Any]
APP = {"app_id": "cli_a", "app_secret": "app-secret"}


def docx(title: str, *blocks: Facts) -> list[Facts]:
    """Give the blocks of a document: numbered, each below the document unless it says ``in``."""
    root = {"block_id": "0", "block_type": 1, "children": [], "page": {"elements": [run(title)]}}
    listed: list[Facts] = [root]
    for number, one in enumerate(blocks, start=1):
        above = listed[one.pop("in", 0)]
        above.setdefault("children", []).append(str(number))
        listed.append({"block_id": str(number), **one})
    return listed


def run(words: str, url: str = "") -> Facts:
    style = {"link": {"url": url}} if url else {}
    return {"text_run": {"content": words, "text_element_style": style}}


def paragraph(words: str, **more: Any) -> Facts:
    return {"block_type": 2, "text": {"elements": [run(words)]}, **more}


@dataclass(slots=True)
class FeishuServer:
    """Nodes of one knowledge space and files of folders, by token; documents by their own."""

    nodes: dict[str, Facts] = field(default_factory=dict)
    files: dict[str, list[Facts]] = field(default_factory=dict)
    documents: dict[str, list[Facts]] = field(default_factory=dict)
    members: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    shared: dict[str, str] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)
    tokens: int = 0
    valid_token: str = ""
    per_reply: int = 2
    broken_at: str = ""
    too_fast: int = 0

    def put_node(  # noqa: PLR0913, each is a fact of the node
        self,
        name: str,
        title: str,
        *blocks: Facts,
        parent: str = "",
        kind: str = "docx",
        edited: int = 1_642_402_428,
        node_type: str = "origin",
    ) -> None:
        self.nodes[name] = {
            "space_id": "70",
            "node_token": name,
            "obj_token": f"d{name}",
            "obj_type": kind,
            "parent_node_token": parent,
            "node_type": node_type,
            "title": title,
            "obj_edit_time": str(edited),
        }
        self.documents[f"d{name}"] = docx(title, *blocks)
        self.members.setdefault(name, [("openchat", "oc_staff")])

    def answer(self, request: SmallRequest) -> SmallReply:
        path = request.path.removeprefix("/open-apis")
        if self.broken_at and self.broken_at in request.target:
            return SmallReply(status=504)
        if path == "/auth/v3/tenant_access_token/internal":
            return self._answer_token(json.loads(request.body))
        if request.headers.get("authorization") != f"Bearer {self.valid_token}":
            return _json({"code": 99991663, "msg": "token invalid"}, 400)
        if self.too_fast:
            self.too_fast -= 1
            return _json({"code": 99991400, "msg": "request trigger frequency limit"}, 400)
        return self._answer_path(request, path, path.strip("/").split("/"))

    def _answer_path(  # noqa: PLR0911, one a path
        self, request: SmallRequest, path: str, parts: list[str]
    ) -> SmallReply:
        if path == "/wiki/v2/spaces":
            return self._page_out(request, [{"space_id": "70", "name": "Handbook"}])
        if path == "/wiki/v2/spaces/get_node":
            node = self.nodes.get(request.query["token"])
            return (
                _data({"node": node}) if node else _json({"code": 131005, "msg": "not found"}, 400)
            )
        if parts[-1] == "nodes":
            parent = request.query.get("parent_node_token", "")
            listed = [
                {
                    **node,
                    "has_child": any(o["parent_node_token"] == name for o in self.nodes.values()),
                }
                for name, node in self.nodes.items()
                if node["parent_node_token"] == parent
            ]
            return self._page_out(request, listed)
        if path == "/drive/v1/files":
            return self._page_out(request, self.files[request.query["folder_token"]], "files")
        if path == "/drive/v1/metas/batch_query":
            tokens = [one["doc_token"] for one in json.loads(request.body)["request_docs"]]
            return _data(
                {
                    "metas": [
                        {"doc_token": t, "url": f"https://example.feishu.cn/docx/{t}"}
                        for t in tokens
                    ]
                }
            )
        if parts[-1] == "blocks":
            if parts[3] not in self.documents:
                return _json({"code": 1770002, "msg": "not found"}, 404)
            return self._page_out(request, self.documents[parts[3]])
        return self._answer_permission(parts)

    def _answer_permission(self, parts: list[str]) -> SmallReply:
        if parts[3] in self.refused:
            return _json({"code": 1063002, "msg": "Permission denied."}, 403)
        if parts[-1] == "members":
            members = self.members.get(parts[3], [])
            return _data(
                {
                    "items": [
                        {"member_type": kind, "member_id": one, "perm": "view"}
                        for kind, one in members
                    ]
                }
            )
        entity = self.shared.get(parts[3], "closed")
        return _data({"permission_public": {"link_share_entity": entity}})

    def _answer_token(self, app: Facts) -> SmallReply:
        if app != APP:
            return _json({"code": 10014, "msg": "app secret invalid"})
        self.tokens += 1
        self.valid_token = f"t-{self.tokens}"
        return _json(
            {"code": 0, "msg": "ok", "tenant_access_token": self.valid_token, "expire": 7200}
        )

    def _page_out(
        self, request: SmallRequest, items: list[Facts], name: str = "items"
    ) -> SmallReply:
        at = int(request.query.get("page_token", 0))
        more = at + self.per_reply < len(items)
        following = "next_page_token" if name == "files" else "page_token"
        facts = {name: items[at : at + self.per_reply], "has_more": more}
        return _data({**facts, following: str(at + self.per_reply)} if more else facts)


def _data(data: Facts) -> SmallReply:
    return _json({"code": 0, "msg": "success", "data": data})


def _json(facts: Facts, status: int = 200) -> SmallReply:
    body = json.dumps(facts).encode()
    return SmallReply(status=status, body=body, headers={"content-type": "application/json"})
