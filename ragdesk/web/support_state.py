"""What a server shares of the parts around the answers: what is kept, and by what."""

import asyncio
from dataclasses import dataclass, field

from indexes.text.redaction.redaction import redact_text
from ragdesk.metrics import Metrics
from ragdesk.settings import Settings
from ragdesk.support.conversations.conversation_store import ConversationStore
from ragdesk.support.conversations.feedback_store import FeedbackStore
from ragdesk.support.database import Database
from ragdesk.support.encryption import TextCipher, read_encryption_keys
from ragdesk.support.handoff.channels import ChannelOptions, make_channels
from ragdesk.support.handoff.delivery import Deliverer
from ragdesk.support.handoff.handoff_desk import HandoffDesk
from ragdesk.support.handoff.handoff_store import HandoffStore
from ragdesk.support.handoff.outbox import Outbox
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
    recorder: TurnRecorder
    upkeep: SupportUpkeep
    handoffs: HandoffDesk
    deliverer: Deliverer
    chatwoot_secret: str = field(repr=False)

    async def close(self, seconds: float) -> None:
        """Write the turns that wait, for so many seconds at most, and end what runs."""
        await self.upkeep.close()
        await self.recorder.close(seconds)
        await asyncio.to_thread(self.deliverer.close)


def make_support_state(
    settings: Settings, database: Database, open_collections: OpenCollections, metrics: Metrics
) -> SupportState:
    """Make the stores of a server by its settings. Raises SettingsError."""
    cipher = TextCipher(read_encryption_keys(settings.support.encryption_key))
    store = ConversationStore(database, cipher)
    outbox = Outbox(database, cipher)
    channels = make_channels(
        ChannelOptions(
            webhook=settings.handoff_webhook,
            zendesk=settings.handoff_zendesk,
            chatwoot=settings.handoff_chatwoot,
            mail=settings.handoff_mail,
        )
    )
    handoffs = HandoffStore(database, cipher, tuple(channels))
    deliverer = Deliverer(outbox, channels)
    hooks = TurnHooks(redact=lambda text: redact_text(text, settings.redaction))
    return SupportState(
        database=database,
        cipher=cipher,
        conversations=store,
        feedback=FeedbackStore(database, cipher),
        recorder=TurnRecorder(store, open_collections, metrics, hooks),
        upkeep=SupportUpkeep(store, settings.support),
        handoffs=HandoffDesk(
            settings.handoff, handoffs, outbox, store, lambda _handoff: deliverer.wake()
        ),
        deliverer=deliverer,
        chatwoot_secret=settings.handoff_chatwoot.webhook_secret,
    )
