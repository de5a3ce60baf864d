"""Microsoft Teams: an outgoing webhook brings a question, and its response takes the answer.

learn.microsoft.com, "outgoing webhooks": a request has ``Authorization: HMAC`` and, in base64, the
HMAC-SHA256 of its body by the security token; the response is a message, within five seconds. It
bears no time of its own: that of the activity, which is signed with it, is looked at.
"""

import base64
import hashlib
import hmac
import html
import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from ragdesk.errors import DeliveryFailed, Invalid
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
from ragdesk.support.chat_channels.chat_options import ChatOptions, decode_base64_key

LONGEST_TEAMS_TEXT: Final = 20_000  # bytes; a message of 28 KB is refused there
TEAMS_MENTION: Final = re.compile(r"<at>[^<]*</at>")
TEAMS_TAG: Final = re.compile(r"<[^<>]*>")


class TeamsSystem:
    """One outgoing webhook of a team."""

    answers_at_once = True
    takes_json = True

    def __init__(self, options: ChatOptions) -> None:
        self._key = decode_base64_key(options.secret)

    def hear(self, request: ChatRequest, now: float) -> Hearing:
        """Prove and read a request: signed, and of now."""
        digest = hmac.new(self._key, request.body, hashlib.sha256).digest()
        expected = f"HMAC {base64.b64encode(digest).decode()}"
        check_signature(expected, request.headers.get("authorization", ""))
        try:
            return self._read(json.loads(request.body), now)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise Invalid("This is no activity of Teams.") from error

    def send(self, _address: Mapping[str, str], _reply: ChatReply, _name: str) -> None:
        """Refuse: an outgoing webhook takes an answer in its response alone."""
        raise DeliveryFailed("Teams takes no message after its response.")

    def format_response(self, reply: ChatReply) -> str:
        """Write the response: a message in the HTML that Teams reads."""
        return json.dumps(
            {"type": "message", "textFormat": "xml", "text": format_teams_text(reply)},
            ensure_ascii=False,
        )

    def _read(self, body: Mapping[str, Any], now: float) -> Hearing:
        moment = datetime.fromisoformat(str(body["timestamp"])[:19] + "+00:00").timestamp()
        check_moment(str(int(moment)), now)
        sender = body["from"]
        if body["type"] != "message" or sender.get("role") == "bot":
            return Hearing()
        words = TEAMS_TAG.sub(" ", TEAMS_MENTION.sub(" ", str(body.get("text") or "")))
        text = clean_chat_text(html.unescape(words))
        if not text:
            return Hearing()
        message = ChatMessage(
            event=str(body["id"]),
            thread=str(body["conversation"]["id"]),
            user=str(sender.get("aadObjectId") or sender["id"]),
            text=text,
            address={},
        )
        return Hearing(message=message)


def format_teams_text(reply: ChatReply) -> str:
    """Write a reply in HTML of which nothing comes from words.

    >>> format_teams_text(ChatReply(text="<at>all</at> a<b"))
    '&lt;at&gt;all&lt;/at&gt; a&lt;b'
    """
    lines = html.escape(cut_bytes(reply.text, LONGEST_TEAMS_TEXT)).split("\n")
    if reply.sources:
        lines.append(html.escape(reply.sources_title))
    for source in reply.sources:
        title = html.escape(" ".join(source.title.split()))
        link = f'<a href="{html.escape(source.href)}">{title}</a>' if source.href else title
        lines.append(f"[{source.number}] {link}")
    return "<br/>".join(lines)
