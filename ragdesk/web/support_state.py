"""What a server shares of the parts around the answers: what is kept, and by what."""

import asyncio
from dataclasses import dataclass, field

from indexes.text.redaction.redaction import redact_text
from ragdesk.assemble import Workspace
from ragdesk.metrics import Metrics
from ragdesk.settings import Settings
from ragdesk.support.conversations.conversation_store import ConversationStore
from ragdesk.support.conversations.feedback_store import FeedbackStore
from ragdesk.support.database import Database
from ragdesk.support.encryption import TextCipher, read_encryption_keys
from ragdesk.support.handoff.channels import ChannelOptions, make_channels
from ragdesk.support.handoff.delivery import Channel, Deliverer
from ragdesk.support.handoff.handoff import Handoff
from ragdesk.support.handoff.handoff_desk import HandoffDesk
from ragdesk.support.handoff.handoff_store import HandoffStore
from ragdesk.support.handoff.outbox import Outbox
from ragdesk.support.insight.intent_labels import IntentLabelStore
from ragdesk.support.insight.turn_insight import InsightClassifier
from ragdesk.support.notices import NoticeListener
from ragdesk.support.support_options import SupportOptions
from ragdesk.web.event_streams import EventStreams
from ragdesk.web.open_collections import OpenCollections
from ragdesk.web.support_upkeep import SupportUpkeep
from ragdesk.web.turn_recorder import TurnHooks, TurnRecorder


@dataclass(frozen=True, slots=True, kw_only=True)
class SupportState:
    """Stores of one server, and what runs beside its answers. The database is its opener's."""

    database: Database
    cipher: TextCipher
    conversations: ConversationStore
    feedback: FeedbackStore
    intent_labels: IntentLabelStore
    recorder: TurnRecorder
    upkeep: SupportUpkeep
    streams: EventStreams
    listener: NoticeListener
    handoffs: HandoffDesk
    deliverer: Deliverer
    chatwoot_secret: str = field(repr=False)

    def start(self) -> None:
        """Begin what runs in the background of the running loop."""
        self.streams.start()
        self.listener.start()
        self.upkeep.start()
        self.deliverer.start()

    async def close(self, seconds: float) -> None:
        """Write the turns that wait, for so many seconds at most, and end what runs."""
        self.streams.end()
        await self.upkeep.close()
        await self.recorder.close(seconds)
        await asyncio.to_thread(self.listener.close)
        await asyncio.to_thread(self.deliverer.close)


def make_text_cipher(options: SupportOptions) -> TextCipher:
    """Make what seals texts, by the settings. Raises SettingsError."""
    return TextCipher(read_encryption_keys(options.encryption_key))


def make_support_state(
    workspace: Workspace,
    database: Database,
    cipher: TextCipher,
    open_collections: OpenCollections,
    metrics: Metrics,
) -> SupportState:
    """Make the stores of one run of a server."""
    settings, home = workspace.settings, workspace.home
    streams = EventStreams()
    store = ConversationStore(database, cipher, streams.notify)
    outbox = Outbox(database, cipher)
    channels = _make_handoff_channels(settings)
    deliverer = Deliverer(outbox, channels)
    handoffs = HandoffStore(database, cipher, tuple(channels))

    def tell(handoff: Handoff) -> None:
        streams.notify(handoff.conversation)
        deliverer.wake()

    hooks = TurnHooks(
        redact=lambda text: redact_text(text, settings.redaction), classify=InsightClassifier(home)
    )
    return SupportState(
        database=database,
        cipher=cipher,
        conversations=store,
        feedback=FeedbackStore(database, cipher),
        intent_labels=IntentLabelStore(database, cipher, streams.notify),
        recorder=TurnRecorder(store, open_collections, metrics, hooks),
        upkeep=SupportUpkeep(store, settings.support),
        streams=streams,
        listener=NoticeListener(database, streams.notify),
        handoffs=HandoffDesk(settings.handoff, handoffs, outbox, store, tell),
        deliverer=deliverer,
        chatwoot_secret=settings.handoff_chatwoot.webhook_secret,
    )


def _make_handoff_channels(settings: Settings) -> dict[str, Channel]:
    return make_channels(
        ChannelOptions(
            webhook=settings.handoff_webhook,
            zendesk=settings.handoff_zendesk,
            chatwoot=settings.handoff_chatwoot,
            mail=settings.handoff_mail,
        )
    )
