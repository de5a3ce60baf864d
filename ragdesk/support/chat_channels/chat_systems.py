"""The chat systems that the settings name."""

from collections.abc import Callable, Mapping
from typing import Final

from ragdesk.support.chat_channels.chat_message import ChatSystem
from ragdesk.support.chat_channels.chat_options import ChatKind, ChatOptions
from ragdesk.support.chat_channels.on_feishu import FeishuSystem
from ragdesk.support.chat_channels.on_slack import SlackSystem
from ragdesk.support.chat_channels.on_teams import TeamsSystem
from ragdesk.support.chat_channels.on_wecom import WecomSystem

CHAT_SYSTEMS: Final[Mapping[ChatKind, Callable[[ChatOptions], ChatSystem]]] = {
    "slack": SlackSystem,
    "feishu": FeishuSystem,
    "wecom": WecomSystem,
    "teams": TeamsSystem,
}


def make_chat_systems(channels: Mapping[str, ChatOptions]) -> dict[str, ChatSystem]:
    """Make what each channel speaks with, by the channels' names."""
    return {name: CHAT_SYSTEMS[options.kind](options) for name, options in channels.items()}
