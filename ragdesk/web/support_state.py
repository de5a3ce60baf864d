"""What a server shares of the parts around the answers: what is kept, and by what."""

from dataclasses import dataclass

from indexes.text.redaction.redaction import redact_text
from ragdesk.metrics import Metrics
from ragdesk.settings import Settings
from ragdesk.support.conversations.conversation_store import ConversationStore
from ragdesk.support.conversations.feedback_store import FeedbackStore
from ragdesk.support.database import Database
from ragdesk.support.encryption import TextCipher, read_encryption_keys
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

    async def close(self, seconds: float) -> None:
        """Write the turns that wait, for so many seconds at most, and end what runs."""
        await self.upkeep.close()
        await self.recorder.close(seconds)


def make_support_state(
    settings: Settings, database: Database, open_collections: OpenCollections, metrics: Metrics
) -> SupportState:
    """Make the stores of a server by its settings. Raises SettingsError."""
    cipher = TextCipher(read_encryption_keys(settings.support.encryption_key))
    store = ConversationStore(database, cipher)
    hooks = TurnHooks(redact=lambda text: redact_text(text, settings.redaction))
    return SupportState(
        database=database,
        cipher=cipher,
        conversations=store,
        feedback=FeedbackStore(database, cipher),
        recorder=TurnRecorder(store, open_collections, metrics, hooks),
        upkeep=SupportUpkeep(store, settings.support),
    )
