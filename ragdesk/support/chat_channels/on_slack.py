"""Slack: the Events API brings questions, ``chat.postMessage`` takes the answers.

docs.slack.dev: a request is signed, ``X-Slack-Signature: v0=`` and the HMAC-SHA256 of
``v0:{X-Slack-Request-Timestamp}:{body}``; it is answered within three seconds, or comes again with
``X-Slack-Retry-Num`` and the same ``event_id``. In text ``&``, ``<`` and ``>`` are escaped;
``<@U…>`` and ``<!channel>`` call people, ``<address|words>`` is a link.
"""

import hashlib
import hmac
import json
import re
from collections.abc import Mapping
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
from ragdesk.support.chat_channels.chat_options import ChatOptions
from ragdesk.support.handoff.http_delivery import HttpSender

LONGEST_SLACK_TEXT: Final = 12_000  # bytes; Slack cuts at 40,000 characters
SLACK_REFERENCE: Final = re.compile(r"<([^<>|]*)(?:\|([^<>]*))?>")


class SlackSystem:
    """One Slack app."""

    answers_at_once = False
    takes_json = True

    def __init__(self, options: ChatOptions) -> None:
        self._secret = options.secret.encode()
        headers = {"Authorization": f"Bearer {options.token}"}
        self._sender = HttpSender("Slack", options.reply_address, headers)

    def hear(self, request: ChatRequest, now: float) -> Hearing:
        """Prove and read a request: signed, of now, and of the Events API."""
        timestamp = request.headers.get("x-slack-request-timestamp", "")
        signed = f"v0:{timestamp}:".encode() + request.body
        expected = f"v0={hmac.new(self._secret, signed, hashlib.sha256).hexdigest()}"
        check_signature(expected, request.headers.get("x-slack-signature", ""))
        check_moment(timestamp, now)
        try:
            return self._read(json.loads(request.body))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise Invalid("This is no event of Slack.") from error

    def send(self, address: Mapping[str, str], reply: ChatReply, _name: str) -> None:
        """Post a reply into the thread of its question."""
        text = format_slack_text(reply)
        body = {
            "channel": address["channel"],
            "text": text,
            "mrkdwn": True,
            "parse": "none",
            "link_names": False,
            "unfurl_links": False,
            "unfurl_media": False,
        }
        if address.get("thread"):
            body["thread_ts"] = address["thread"]
        result = self._sender.send_json("POST", "/api/chat.postMessage", body)
        if not isinstance(result, dict) or not result.get("ok"):
            code = result.get("error") if isinstance(result, dict) else None
            raise DeliveryFailed(f"Slack took no message: {str(code)[:60]}.")

    def format_response(self, _reply: ChatReply) -> str:
        """Give nothing: Slack takes its answers later."""
        return ""

    def _read(self, body: Mapping[str, Any]) -> Hearing:
        if body["type"] == "url_verification":
            return Hearing(body=json.dumps({"challenge": str(body["challenge"])}))
        event = body["event"]
        is_direct = event.get("channel_type") == "im"
        is_question = event["type"] == "app_mention" or (event["type"] == "message" and is_direct)
        is_person = event.get("user") and not event.get("bot_id") and not event.get("subtype")
        if body["type"] != "event_callback" or not is_question or not is_person:
            return Hearing()
        text = read_slack_text(str(event.get("text") or ""))
        if not text:
            return Hearing()
        channel, thread = str(event["channel"]), str(event.get("thread_ts") or "")
        if not is_direct:
            thread = thread or str(event["ts"])
        message = ChatMessage(
            event=str(body["event_id"]),
            thread=f"{body.get('team_id')}/{channel}/{thread}",
            user=str(event["user"]),
            text=text,
            address={"channel": channel, "thread": thread},
            is_direct=is_direct and not thread,
        )
        return Hearing(message=message)


def read_slack_text(text: str) -> str:
    """Return the words of a message, without whom it calls.

    >>> read_slack_text("<@U1> see <https://a.example|this> &amp; &lt;that&gt; <!here>")
    'see this & <that>'
    """

    def name(match: re.Match[str]) -> str:
        target, label = match[1], match[2]
        return "" if target[:1] in {"@", "!"} else (label or target)

    words = SLACK_REFERENCE.sub(name, text)
    words = words.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    return clean_chat_text(words)


def escape_slack(text: str) -> str:
    """Escape words so that they call nobody and link to nothing.

    >>> escape_slack("<!channel> & co")
    '&lt;!channel&gt; &amp; co'
    """
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def format_slack_text(reply: ChatReply) -> str:
    """Write a reply in Slack's mrkdwn."""
    lines = [escape_slack(cut_bytes(reply.text, LONGEST_SLACK_TEXT))]
    if reply.sources:
        lines += ["", escape_slack(reply.sources_title)]
    for source in reply.sources:
        title = escape_slack(" ".join(source.title.split()))
        label = f"<{source.href}|{title.replace('|', '/')}>" if source.href else title
        lines.append(f"[{source.number}] {label}")
    return "\n".join(lines)
