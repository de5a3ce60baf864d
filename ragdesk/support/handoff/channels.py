"""The ways out of the house that the settings name."""

from dataclasses import dataclass

from ragdesk.support.handoff.delivery import Channel
from ragdesk.support.handoff.handoff_options import (
    ChatwootOptions,
    HandoffMailOptions,
    HandoffWebhookOptions,
    ZendeskOptions,
)
from ragdesk.support.handoff.on_chatwoot import CHATWOOT_CHANNEL, ChatwootChannel
from ragdesk.support.handoff.on_mail import MailChannel
from ragdesk.support.handoff.on_webhook import WebhookChannel
from ragdesk.support.handoff.on_zendesk import ZendeskChannel


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelOptions:
    """The settings of every way out."""

    webhook: HandoffWebhookOptions
    zendesk: ZendeskOptions
    chatwoot: ChatwootOptions
    mail: HandoffMailOptions


def make_channels(options: ChannelOptions) -> dict[str, Channel]:
    """Make the ways out that are set, by their names."""
    channels: dict[str, Channel] = {}
    if options.webhook.url:
        channels["webhook"] = WebhookChannel(options.webhook)
    if options.zendesk.url:
        channels["zendesk"] = ZendeskChannel(options.zendesk)
    if options.chatwoot.url:
        channels[CHATWOOT_CHANNEL] = ChatwootChannel(options.chatwoot)
    if options.mail.host:
        channels["mail"] = MailChannel(options.mail)
    return channels
