"""WeCom (企业微信): callbacks bring questions, ``message/send`` takes the answers.

developer.work.weixin.qq.com, "callbacks": an address is checked by a GET with ``msg_signature``,
``timestamp``, ``nonce`` and ``echostr``, whose decrypted text is the response; a message is a POST
of XML whose ``Encrypt`` holds more XML. ``msg_signature`` is the SHA-1 of token, timestamp, nonce
and what is encrypted, sorted and joined. It is answered within five seconds, or comes again with
the same ``MsgId``.
"""

import hashlib
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote, urlencode

from ingest.errors import Unreadable
from ingest.parse.xml_tree import local_name, parse_xml
from ragdesk.errors import Invalid
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
from ragdesk.support.chat_channels.chat_options import ChatOptions, decode_aes_key
from ragdesk.support.chat_channels.message_cipher import open_wecom
from ragdesk.support.handoff.http_delivery import HttpSender

LONGEST_WECOM_TEXT: Final = 2_048  # bytes, of its documentation
WECOM_EXPIRED: Final = frozenset({40014, 42001})


class WecomSystem:
    """One app of WeCom."""

    answers_at_once = False
    takes_json = False

    def __init__(self, options: ChatOptions) -> None:
        self._options = options
        self._key = decode_aes_key(options.secret)
        self._sender = HttpSender("WeCom", options.reply_address)
        names = ("access_token", "expires_in")
        self._token = ChatAccessToken("WeCom", self._fetch_token, names)

    def hear(self, request: ChatRequest, now: float) -> Hearing:
        """Prove and read a request: signed, of now, and for our company."""
        if request.method == "GET":
            echo = self._open(request, request.query.get("echostr", ""), now)
            return Hearing(body=echo.decode(errors="replace"), media_type="text/plain")
        outer = _read_fields(request.body)
        fields = _read_fields(self._open(request, outer.get("Encrypt", ""), now))
        text = clean_chat_text(fields.get("Content", ""))
        if fields.get("MsgType") != "text" or not text:
            return Hearing(body="", media_type="text/plain")
        try:
            user = fields["FromUserName"]
            message = ChatMessage(
                event=fields["MsgId"],
                thread=user,
                user=user,
                text=text,
                address={"user": user},
                is_direct=True,
            )
        except KeyError as error:
            raise Invalid("This is no message of WeCom.") from error
        return Hearing(body="", media_type="text/plain", message=message)

    def send(self, address: Mapping[str, str], reply: ChatReply, _name: str) -> None:
        """Send a reply to who asked."""
        body = {
            "touser": address["user"],
            "msgtype": "text",
            "agentid": self._options.agent,
            "text": {"content": format_wecom_text(reply)},
            "enable_duplicate_check": 1,
        }
        path = f"/cgi-bin/message/send?access_token={quote(self._token.find(), safe='')}"
        result = self._sender.send_json("POST", path, body)
        self._token.check(result, "errcode", WECOM_EXPIRED)

    def format_response(self, _reply: ChatReply) -> str:
        """Give nothing: WeCom takes its answers later."""
        return ""

    def _open(self, request: ChatRequest, sealed: str, now: float) -> bytes:
        timestamp, nonce = (request.query.get(name, "") for name in ("timestamp", "nonce"))
        parts = sorted([self._options.verification, timestamp, nonce, sealed])
        # SHA-1 is what WeCom signs with; a forger would need a second preimage, not a collision.
        expected = hashlib.sha1("".join(parts).encode(), usedforsecurity=False).hexdigest()
        check_signature(expected, request.query.get("msg_signature", ""))
        check_moment(timestamp, now)
        return open_wecom(sealed, self._key, self._options.app)

    def _fetch_token(self) -> Any:
        query = urlencode({"corpid": self._options.app, "corpsecret": self._options.token})
        return self._sender.get_json(f"/cgi-bin/gettoken?{query}")


def format_wecom_text(reply: ChatReply) -> str:
    """Write a reply as text; WeCom makes links of ``<a>``, so no other ``<`` may stand in it.

    >>> format_wecom_text(ChatReply(text='<a href="https://evil.example">x</a>'))
    '＜a href="https://evil.example"＞x＜/a＞'
    """
    tail = [escape_wecom(reply.sources_title)] if reply.sources else []
    for source in reply.sources:
        title = escape_wecom(cut_bytes(" ".join(source.title.split()), 120))
        label = f'<a href="{source.href}">{title}</a>' if source.href else title
        line = f"[{source.number}] {label}"
        if sum(len(part.encode()) + 1 for part in (*tail, line)) > LONGEST_WECOM_TEXT // 2:
            break  # a link that was cut would be none
        tail.append(line)
    room = LONGEST_WECOM_TEXT - sum(len(part.encode()) + 1 for part in tail) - 1
    return "\n".join([cut_bytes(escape_wecom(reply.text), room), *tail])


def escape_wecom(text: str) -> str:
    """Write words without the marks that begin and end a link."""
    return text.replace("<", "＜").replace(">", "＞")


def _read_fields(body: bytes) -> dict[str, str]:
    """Read the fields of a flat XML. Raises Invalid."""
    try:
        return {local_name(node): node.text or "" for node in parse_xml(body, "message")}
    except Unreadable as error:
        raise Invalid("This is no XML of WeCom.") from error
