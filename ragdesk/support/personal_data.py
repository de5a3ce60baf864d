"""Export and erase all that is kept of one person, whichever package keeps it.

A package that keeps something of persons adds its source here. Backups and logs are out of reach:
a backup ends with its file, and logs hold no texts.
"""

import time
from typing import Any, Final

from ragdesk.support.chat_channels.chat_store import CHAT_DATA
from ragdesk.support.conversations.conversation_export import CONVERSATION_DATA, FEEDBACK_DATA
from ragdesk.support.database import Database
from ragdesk.support.encryption import TextCipher
from ragdesk.support.erasure_count import note_erasure
from ragdesk.support.handoff.handoff_export import HANDOFF_DATA
from ragdesk.support.insight.intent_label_data import INTENT_LABEL_DATA
from ragdesk.support.learning.learning_data import DRAFT_DATA
from ragdesk.support.personal_data_source import PersonalDataSource
from ragdesk.support.replicas.done_requests import DONE_REQUEST_DATA
from ragdesk.support.replicas.response_store import RESPONSE_DATA
from ragdesk.support.sign_in.sign_in_data import SIGN_IN_DATA

# Erased in this order: what refers to something before what it refers to.
PERSONAL_DATA_SOURCES: Final[tuple[PersonalDataSource, ...]] = (
    HANDOFF_DATA,
    DRAFT_DATA,
    FEEDBACK_DATA,
    INTENT_LABEL_DATA,
    CHAT_DATA,
    CONVERSATION_DATA,
    SIGN_IN_DATA,
    RESPONSE_DATA,
    DONE_REQUEST_DATA,
)


def export_person(database: Database, cipher: TextCipher, person: str) -> dict[str, Any]:
    """Return all that is kept of a person, by kind. person: as in ``Principal.person``."""
    with database.read() as connection:
        records = {
            source.name: source.export(connection, cipher, person)
            for source in PERSONAL_DATA_SOURCES
        }
    return {"person": person, "exported": int(time.time()), **records}


def erase_person(database: Database, person: str) -> dict[str, int]:
    """Delete all that is kept of a person at once; gives how many rows of each kind.

    Servers drop within seconds what they keep of it in memory, also where another process erases.
    """
    with database.write() as connection:
        note_erasure(connection)
        return {source.name: source.erase(connection, person) for source in PERSONAL_DATA_SOURCES}
