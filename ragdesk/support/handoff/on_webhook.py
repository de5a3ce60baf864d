"""Tell a webhook of every hand-off, signed as Standard Webhooks says (standardwebhooks.com)."""

import json
from collections.abc import Callable
from datetime import UTC, datetime

from standardwebhooks import Webhook

from ragdesk.support.handoff.handoff_options import HandoffWebhookOptions
from ragdesk.support.handoff.http_delivery import HttpSender
from ragdesk.support.handoff.outbox import HandoffLink, Letter
from ragdesk.support.handoff.outside_text import EVENT_TYPES, describe_outside, format_time


class WebhookChannel:
    """Posts each event with ``webhook-id``, ``webhook-timestamp`` and ``webhook-signature``.

    The id stays the same over all tries: who takes an event twice tells by it.
    """

    def __init__(self, options: HandoffWebhookOptions) -> None:
        self._sender = HttpSender("The webhook", options.url)
        self._webhook = Webhook(options.secret)

    def __call__(
        self, letter: Letter, _link: HandoffLink, _store_link: Callable[[HandoffLink], None]
    ) -> None:
        event = {
            "type": EVENT_TYPES[letter.action],
            "timestamp": format_time(letter.created),
            "data": describe_outside(letter),
        }
        text = json.dumps(event, ensure_ascii=False, separators=(",", ":"))
        now = datetime.now(UTC)
        headers = {
            "webhook-id": letter.id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": self._webhook.sign(letter.id, now, text),
        }
        self._sender.send_text("POST", "", text, headers)
