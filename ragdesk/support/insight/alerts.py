"""Tell an operator of surges, by signed webhook and e-mail: figures, and no word of a question."""

import logging
import ssl
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Any, Final

from ragdesk.errors import DeliveryFailed, SettingsError
from ragdesk.support.handoff.handoff_options import HandoffMailOptions
from ragdesk.support.handoff.on_mail import send_mail
from ragdesk.support.handoff.on_webhook import SignedWebhook
from ragdesk.support.handoff.outside_text import format_time
from ragdesk.support.insight.alert_options import AlertOptions
from ragdesk.support.insight.surge import Surge
from ragdesk.support.insight.surge_watch import SurgeWatch

SendAlert = Callable[[Surge], None]
"""A surge in, told to one place. Raises DeliveryFailed."""
SUBJECTS: Final = {
    "refusals": "More questions than usual are refused · 未能回答的问题多于平常",
    "anger": "More customers than usual are angry · 不满的客户多于平常",
}
log = logging.getLogger("ragdesk.insight")


class SurgeAlarm:
    """Looks for surges, and tells each place of each surge once, whichever server saw it."""

    def __init__(self, watch: SurgeWatch, places: Mapping[str, SendAlert]) -> None:
        self._watch = watch
        self._places = places

    def look(self) -> int:
        """Look for surges, and tell of those that are untold; gives how many were. Blocks.

        What cannot be delivered is tried again at the next look, for a day.
        """
        self._watch.find_new()
        count = 0
        for surge in self._watch.list_recent():
            for place, send in self._places.items():
                if self._watch.claim_alert(surge, place):
                    count += self._tell(surge, place, send)
        return count

    def _tell(self, surge: Surge, place: str, send: SendAlert) -> bool:
        try:
            send(surge)
        except DeliveryFailed as error:
            self._watch.release_alert(surge, place)
            fields = {"channel": place, "reason": str(error), "repeats": f"alert {place}"}
            log.warning("an alert was not delivered", extra=fields)
            return False
        return True


def make_alert_places(
    options: AlertOptions, mail: HandoffMailOptions, context: ssl.SSLContext | None = None
) -> dict[str, SendAlert]:
    """Make the places that the settings name. Raises SettingsError for mails without a server.

    context: certificates that the mail server may have; None asks the system's.
    """
    places: dict[str, SendAlert] = {}
    if options.url:
        webhook = SignedWebhook(options.url, options.secret)
        places["webhook"] = lambda surge: webhook.post(_name_surge(surge), describe_surge(surge))
    if options.to:
        if not mail.host:
            raise SettingsError("alerts.to needs a mail server: set handoff_mail.host and sender.")

        def send(surge: Surge) -> None:
            send_mail(write_alert_mail(surge, options, mail), mail, context)

        places["mail"] = send
    return places


def describe_surge(surge: Surge) -> dict[str, Any]:
    """Return the event of a surge, as a webhook gets it."""
    return {
        "type": f"surge.{surge.kind}",
        "timestamp": format_time(surge.since),
        "data": {
            "kind": surge.kind,
            "count": surge.count,
            "questions": surge.questions,
            "share": round(surge.share, 4),
            "usual": round(surge.usual, 4),
            "since": format_time(surge.since),
        },
    }


def write_alert_mail(surge: Surge, options: AlertOptions, mail: HandoffMailOptions) -> EmailMessage:
    """Write the mail of a surge."""
    since = datetime.fromtimestamp(surge.since, UTC).strftime("%Y-%m-%d %H:%M UTC")
    share, usual = f"{surge.share:.0%}", f"{surge.usual:.0%}"
    message = EmailMessage(policy=SMTP)
    message["Subject"] = f"[ragdesk] {SUBJECTS[surge.kind]}"
    message["From"] = Address(display_name="ragdesk", addr_spec=mail.sender)
    message["To"] = ", ".join(options.to)
    message["Date"] = format_datetime(datetime.now(UTC))
    message["Message-ID"] = f"<ragdesk-{_name_surge(surge)}@{mail.sender.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(
        f"Since {since}: {surge.count} of {surge.questions} questions ({share}); usually {usual}.\n"
        "Which they are stands on the page /admin, under Gaps and Insight.\n\n"
        f"自 {since} 起：{surge.questions} 个问题中有 {surge.count} 个（{share}），"
        f"平常为 {usual}。\n"
        "详情见页面 /admin 的“知识缺口”和“洞察”。\n"
    )
    return message


def _name_surge(surge: Surge) -> str:
    return f"surge-{surge.kind}-{surge.since}"
