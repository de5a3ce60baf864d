"""Keep a ticket of Zendesk for each hand-off, by its Tickets API.

developer.zendesk.com/api-reference/ticketing/tickets/tickets: ``POST /api/v2/tickets.json`` makes
one (201, ``{"ticket": {"id": …}}``; an ``Idempotency-Key`` makes a try again harmless), ``PUT
/api/v2/tickets/{id}.json`` adds a comment or sets its status. Signed in as ``EMAIL/token``.
"""

from collections.abc import Callable
from typing import Any, Final

from ragdesk.errors import DeliveryFailed
from ragdesk.support.handoff.handoff_options import ZendeskOptions
from ragdesk.support.handoff.handoff_states import HandoffAction, HandoffReason
from ragdesk.support.handoff.http_delivery import HttpSender
from ragdesk.support.handoff.outbox import HandoffLink, Letter
from ragdesk.support.handoff.outside_text import write_note, write_subject, write_summary

URGENT: Final = frozenset({HandoffReason.SAFETY})
HIGH: Final = frozenset({HandoffReason.COMPLAINT, HandoffReason.CUSTOMER_ASKED})
STATUS: Final = {HandoffAction.CLOSE: "solved", HandoffAction.REOPEN: "open"}


class ZendeskChannel:
    """Makes a ticket when a hand-off is opened, and comments on it afterwards.

    Comments are internal: the customer reads replies in the conversation.
    """

    def __init__(self, options: ZendeskOptions) -> None:
        login = (f"{options.email}/token", options.token)
        self._sender = HttpSender("Zendesk", options.url, login=login)

    def __call__(
        self, letter: Letter, link: HandoffLink, store_link: Callable[[HandoffLink], None]
    ) -> None:
        if not link.reference:
            link = HandoffLink(reference=self._create_ticket(letter))
            store_link(link)
            if letter.action is HandoffAction.OPEN:
                return
        change: dict[str, Any] = {"comment": {"body": write_note(letter), "public": False}}
        if status := STATUS.get(letter.action):
            change["status"] = status
        self._sender.send_json("PUT", f"/api/v2/tickets/{link.reference}.json", {"ticket": change})

    def _create_ticket(self, letter: Letter) -> str:
        handoff = letter.body["handoff"]
        reason = HandoffReason(handoff["reason"])
        urgency = "urgent" if reason in URGENT else "high" if reason in HIGH else "normal"
        ticket: dict[str, Any] = {
            "subject": write_subject(letter),
            "comment": {"body": write_summary(letter), "public": False},
            "external_id": handoff["id"],
            "priority": urgency,
            "tags": ["ragdesk", f"ragdesk_{reason}"],
        }
        contact = handoff["contact"]
        if contact["email"]:
            name = contact["name"] or contact["email"]
            ticket["requester"] = {"name": name, "email": contact["email"]}
        headers = {"Idempotency-Key": handoff["id"]}
        reply = self._sender.send_json("POST", "/api/v2/tickets.json", {"ticket": ticket}, headers)
        try:
            return str(int(reply["ticket"]["id"]))
        except (TypeError, KeyError, ValueError) as error:
            raise DeliveryFailed("Zendesk answered without the number of a ticket.") from error
