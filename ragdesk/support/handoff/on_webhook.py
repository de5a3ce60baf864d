"""Tell a webhook of every hand-off, signed as Standard Webhooks says (standardwebhooks.com)."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from standardwebhooks import Webhook

from ragdesk.support.handoff.handoff_options import HandoffWebhookOptions
from ragdesk.support.handoff.http_delivery import HttpSender
from ragdesk.support.handoff.outbox import HandoffLink, Letter
from ragdesk.support.handoff.outside_text import EVENT_TYPES, describe_outside, format_time


class SignedWebhook:
    """Posts events with ``webhook-id``, ``webhook-timestamp`` and ``webhook-signature``."""

    def __init__(self, url: str, secret: str) -> None:
        self._sender = HttpSender("The webhook", url)
        self._webhook = Webhook(secret)

    def post(self, name: str, event: Mapping[str, Any]) -> None:
        """Post an event under its id. Raises DeliveryFailed."""
        text = json.dumps(event, ensure_ascii=False, separators=(",", ":"))
        now = datetime.now(UTC)
        headers = {
            "webhook-id": name,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": self._webhook.sign(name, now, text),
        }
        self._sender.send_text("POST", "", text, headers)


class WebhookChannel:
    """Posts each event of a hand-off.

    The id stays the same over all tries: who takes an event twice tells by it.
    """

    def __init__(self, options: HandoffWebhookOptions) -> None:
        self._webhook = SignedWebhook(options.url, options.secret)

    def __call__(
        self, letter: Letter, _link: HandoffLink, _store_link: Callable[[HandoffLink], None]
    ) -> None:
        event = {
            "type": EVENT_TYPES[letter.action],
            "timestamp": format_time(letter.created),
            "data": describe_outside(letter),
        }
        self._webhook.post(letter.id, event)
