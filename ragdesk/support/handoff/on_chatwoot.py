"""Keep a conversation of Chatwoot for each hand-off, and take the replies that are written there.

developers.chatwoot.com, Application API, with ``api_access_token``: ``POST …/contacts`` gives a
contact with its ``source_id`` in an inbox of the kind API, ``POST …/conversations`` begins one,
``POST …/conversations/{id}/messages`` writes, ``POST …/conversations/{id}/toggle_status`` resolves
and opens. The webhook of the inbox is signed: ``X-Chatwoot-Signature: sha256=…`` is the HMAC of
``{X-Chatwoot-Timestamp}.{body}``.
"""

import hashlib
import hmac
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from ragdesk.errors import DeliveryFailed, Invalid, Unauthenticated
from ragdesk.support.handoff.handoff_options import ChatwootOptions
from ragdesk.support.handoff.handoff_states import HandoffAction
from ragdesk.support.handoff.http_delivery import HttpSender
from ragdesk.support.handoff.outbox import HandoffLink, Letter
from ragdesk.support.handoff.outside_text import write_note, write_summary

CHATWOOT_CHANNEL: Final = "chatwoot"
STATUS_BY_ACTION: Final = {HandoffAction.CLOSE: "resolved", HandoffAction.REOPEN: "open"}
TIMESTAMP_DIGITS: Final = 12  # anybody may send longer ones, which no float holds
SIGNATURE_SECONDS: Final = 300  # that a signed webhook may be old


class ChatwootChannel:
    """Writes what the customer says as incoming messages, and all else as private notes."""

    def __init__(self, options: ChatwootOptions) -> None:
        self._sender = HttpSender("Chatwoot", options.url, {"api_access_token": options.token})
        self._account = f"/api/v1/accounts/{options.account}"
        self._inbox = options.inbox

    def __call__(
        self, letter: Letter, link: HandoffLink, store_link: Callable[[HandoffLink], None]
    ) -> None:
        if letter.body["actor"].startswith(f"{CHATWOOT_CHANNEL}:"):
            return  # it came from there
        link = self._reach_conversation(letter, link, store_link)
        path = f"{self._account}/conversations/{link.reference}"
        if letter.action is HandoffAction.OPEN:
            return
        is_customer = letter.action is HandoffAction.WRITE
        self._write(path, write_note(letter), is_customer=is_customer)
        if status := STATUS_BY_ACTION.get(letter.action):
            self._sender.send_json("POST", f"{path}/toggle_status", {"status": status})

    def _reach_conversation(
        self, letter: Letter, link: HandoffLink, store_link: Callable[[HandoffLink], None]
    ) -> HandoffLink:
        """Make contact, conversation and first messages, each once, whatever breaks between."""
        progress = dict(link.progress)

        def keep(reference: str = "", **more: Any) -> HandoffLink:
            progress.update(more)
            kept = replace(link, reference=reference or link.reference, progress=dict(progress))
            store_link(kept)
            return kept

        if "source" not in progress:
            contact, source = self._create_contact(letter)
            link = keep(contact=contact, source=source)
        if not link.reference:
            link = keep(self._create_conversation(progress))
        path = f"{self._account}/conversations/{link.reference}"
        if "noted" not in progress:
            self._write(path, write_summary(letter), is_customer=False)
            link = keep(noted=True)
        if "asked" not in progress:
            handoff = letter.body["handoff"]
            words = handoff["text"] or handoff["payload"]["question"]
            if words:
                self._write(path, words, is_customer=True)
            link = keep(asked=True)
        return link

    def _create_contact(self, letter: Letter) -> tuple[int, str]:
        """Make a contact of the hand-off's own: names and addresses stand in the note.

        Two contacts of Chatwoot cannot have the same e-mail, and whose it is was not checked.
        """
        handoff = letter.body["handoff"]
        body = {
            "inbox_id": self._inbox,
            "name": handoff["contact"]["name"] or f"ragdesk {handoff['id'][:8]}",
            "identifier": f"ragdesk-{handoff['id']}",
        }
        reply = self._sender.send_json("POST", f"{self._account}/contacts", body)
        try:
            made = reply["payload"]
            return int(made["contact"]["id"]), str(made["contact_inbox"]["source_id"])
        except (TypeError, KeyError, ValueError) as error:
            raise DeliveryFailed("Chatwoot answered without a contact.") from error

    def _create_conversation(self, progress: Mapping[str, Any]) -> str:
        body = {
            "source_id": progress["source"],
            "inbox_id": self._inbox,
            "contact_id": progress["contact"],
            "status": "open",
        }
        reply = self._sender.send_json("POST", f"{self._account}/conversations", body)
        try:
            return str(int(reply["id"]))
        except (TypeError, KeyError, ValueError) as error:
            raise DeliveryFailed("Chatwoot answered without a conversation.") from error

    def _write(self, path: str, text: str, *, is_customer: bool) -> None:
        body = {
            "content": text,
            "message_type": "incoming" if is_customer else "outgoing",
            "private": not is_customer,
            "content_type": "text",
        }
        self._sender.send_json("POST", f"{path}/messages", body)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatwootEvent:
    """What an agent did in Chatwoot. reference: the number of the conversation there."""

    reference: str
    action: HandoffAction
    text: str = ""
    message: str = ""
    agent: str = ""
    agent_name: str = ""


def read_chatwoot_event(
    body: bytes, headers: Mapping[str, str], secret: str, now: float | None = None
) -> ChatwootEvent | None:
    """Read a webhook of Chatwoot; None for what concerns nobody here.

    Raises Unauthenticated for one that is not signed with the secret, or long ago; Invalid.
    """
    timestamp = headers.get("x-chatwoot-timestamp", "")
    signed = f"{timestamp}.".encode() + body
    expected = f"sha256={hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()}"
    is_same = hmac.compare_digest(
        expected.encode(), headers.get("x-chatwoot-signature", "").encode()
    )
    moment = time.time() if now is None else now
    is_moment = timestamp.isdecimal() and len(timestamp) <= TIMESTAMP_DIGITS
    is_fresh = is_moment and abs(moment - int(timestamp)) <= SIGNATURE_SECONDS
    if not (secret and is_same and is_fresh):
        raise Unauthenticated
    try:
        return _read_event(json.loads(body))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Invalid("This is no webhook of Chatwoot.") from error


def _read_event(event: Mapping[str, Any]) -> ChatwootEvent | None:
    match event["event"]:
        case "message_created":
            is_reply = event["message_type"] == "outgoing" and not event.get("private")
            sender = event.get("sender") or {}
            text = str(event.get("content") or "").strip()
            if not is_reply or not text or sender.get("type") not in {None, "user"}:
                return None
            return ChatwootEvent(
                reference=str(event["conversation"]["id"]),
                action=HandoffAction.REPLY,
                text=text,
                message=str(event["id"]),
                agent=f"{CHATWOOT_CHANNEL}:{sender.get('id', '')}",
                agent_name=str(sender.get("name") or ""),
            )
        case "conversation_status_changed" if event["status"] == "resolved":
            return ChatwootEvent(
                reference=str(event["id"]),
                action=HandoffAction.CLOSE,
                agent=f"{CHATWOOT_CHANNEL}:",
            )
    return None
