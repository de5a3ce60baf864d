"""Feishu and Lark: events bring questions, ``im/v1/messages/{id}/reply`` takes the answers.

open.feishu.cn, "receive events": with an encrypt key an event comes as ``{"encrypt": "…"}`` and is
signed, ``X-Lark-Signature`` being the SHA-256 of ``X-Lark-Request-Timestamp``,
``X-Lark-Request-Nonce``, the encrypt key and the body; it is answered within three seconds, or
comes again with the same ``event_id``. The question by which an address is checked
(``url_verification``) is encrypted, bears the verification token, and need not be signed.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from ragdesk.errors import Invalid, Unauthenticated
from ragdesk.support.chat_channels.access_token import ChatAccessToken
from ragdesk.support.chat_channels.chat_message import (
    ChatMessage,
    ChatReply,
    ChatRequest,
    Hearing,
    check_moment,
    check_signature,
    clean_chat_text,
    cut_bytes,
)
from ragdesk.support.chat_channels.chat_options import ChatOptions
from ragdesk.support.chat_channels.message_cipher import open_feishu
from ragdesk.support.handoff.http_delivery import HttpSender

LONGEST_FEISHU_TEXT: Final = 20_000  # bytes; a message of 30 KB is refused there
TOKEN_PATH: Final = "/open-apis/auth/v3/tenant_access_token/internal"  # noqa: S105, a path
EXPIRED_CODES: Final = frozenset({99991661, 99991663, 99991668})  # of an access token


class FeishuSystem:
    """One app of Feishu or Lark."""

    answers_at_once = False
    takes_json = True

    def __init__(self, options: ChatOptions) -> None:
        self._options = options
        self._sender = HttpSender("Feishu", options.reply_address)
        names = ("tenant_access_token", "expire")
        self._token = ChatAccessToken("Feishu", self._fetch_token, names)

    def hear(self, request: ChatRequest, now: float) -> Hearing:
        """Prove and read a request: encrypted, signed, of now, with our verification token."""
        try:
            sealed = str(json.loads(request.body)["encrypt"])
        except (ValueError, KeyError, TypeError) as error:
            raise Invalid("This is no encrypted event of Feishu.") from error
        is_signed = "x-lark-signature" in request.headers
        if is_signed:
            self._check_signature(request, now)
        try:
            body = json.loads(open_feishu(sealed, self._options.secret))
            if body.get("type") == "url_verification":
                check_signature(self._options.verification, str(body.get("token")))
                return Hearing(body=json.dumps({"challenge": str(body["challenge"])}))
            if not is_signed:
                raise Unauthenticated
            check_signature(self._options.verification, str(body["header"]["token"]))
            return self._read(body["header"], body["event"])
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            if not is_signed:  # else strangers would learn which changed texts decrypt to something
                raise Unauthenticated from error
            raise Invalid("This is no event of Feishu.") from error

    def send(self, address: Mapping[str, str], reply: ChatReply, name: str) -> None:
        """Reply to a message, once: ``uuid`` says that it is the same reply."""
        body = {
            "msg_type": "post",
            "content": json.dumps(format_feishu_post(reply), ensure_ascii=False),
            "uuid": name[:50],
        }
        path = f"/open-apis/im/v1/messages/{quote(address['message'], safe='')}/reply"
        headers = {"Authorization": f"Bearer {self._token.find()}"}
        result = self._sender.send_json("POST", path, body, headers)
        self._token.check(result, "code", EXPIRED_CODES)

    def format_response(self, _reply: ChatReply) -> str:
        """Give nothing: Feishu takes its answers later."""
        return ""

    def _check_signature(self, request: ChatRequest, now: float) -> None:
        timestamp = request.headers.get("x-lark-request-timestamp", "")
        nonce = request.headers.get("x-lark-request-nonce", "")
        signed = f"{timestamp}{nonce}{self._options.secret}".encode() + request.body
        expected = hashlib.sha256(signed).hexdigest()
        check_signature(expected, request.headers.get("x-lark-signature", ""))
        check_moment(timestamp, now)

    def _read(self, header: Mapping[str, Any], event: Mapping[str, Any]) -> Hearing:
        if header["event_type"] != "im.message.receive_v1":
            return Hearing()
        message, sender = event["message"], event["sender"]
        is_direct = message["chat_type"] == "p2p"
        mentions = message.get("mentions") or []
        is_question = message["message_type"] == "text" and (is_direct or mentions)
        if sender["sender_type"] != "user" or not is_question:
            return Hearing()
        text = str(json.loads(message["content"])["text"])
        for mention in mentions:
            text = text.replace(str(mention["key"]), " ")
        text = clean_chat_text(text)
        if not text:
            return Hearing()
        root = str(message.get("root_id") or ("" if is_direct else message["message_id"]))
        return Hearing(
            message=ChatMessage(
                event=str(header["event_id"]),
                thread=f"{message['chat_id']}/{root}",
                user=str(sender["sender_id"]["open_id"]),
                text=text,
                address={"message": str(message["message_id"])},
                is_direct=is_direct and not root,
            ),
        )

    def _fetch_token(self) -> Any:
        body = {"app_id": self._options.app, "app_secret": self._options.token}
        return self._sender.send_json("POST", TOKEN_PATH, body)


def format_feishu_post(reply: ChatReply) -> dict[str, Any]:
    """Write a reply as rich text, whose parts are words and links: no word of it is a tag.

    >>> format_feishu_post(ChatReply(text="<at user_id='all'></at>"))["zh_cn"]["content"]
    [[{'tag': 'text', 'text': "<at user_id='all'></at>", 'un_escape': False}]]
    """

    def words(text: str) -> dict[str, Any]:
        return {"tag": "text", "text": text, "un_escape": False}

    lines = [[words(line)] for line in cut_bytes(reply.text, LONGEST_FEISHU_TEXT).split("\n")]
    if reply.sources:
        lines.append([words(reply.sources_title)])
    for source in reply.sources:
        title = " ".join(source.title.split())
        link = {"tag": "a", "href": source.href, "text": title} if source.href else words(title)
        lines.append([words(f"[{source.number}] "), link])
    return {"zh_cn": {"title": "", "content": lines}}  # of one language: shown in any
