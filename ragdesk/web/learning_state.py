"""What a server learns and counts from its conversations: gaps, drafts, surges."""

from dataclasses import dataclass

from indexes.text.redaction.redaction import find_personal_data, redact_text
from ragdesk.assemble import Workspace
from ragdesk.support.database import Database
from ragdesk.support.encryption import TextCipher
from ragdesk.support.insight.surge_watch import SurgeWatch
from ragdesk.support.learning.learning_desk import LearningDesk


@dataclass(frozen=True, slots=True, kw_only=True)
class LearningState:
    """The gaps and drafts of a server, and its surges."""

    desk: LearningDesk
    surges: SurgeWatch


def make_learning_state(
    workspace: Workspace, database: Database, cipher: TextCipher
) -> LearningState:
    """Make what a server learns by, from its settings."""
    settings = workspace.settings
    desk = LearningDesk(
        database,
        cipher,
        settings.learning,
        find_personal=lambda text: [
            span.kind for span in find_personal_data(text, settings.redaction)
        ],
        redact=lambda text: redact_text(text, settings.redaction).text,
    )
    return LearningState(desk=desk, surges=SurgeWatch(database, settings.surge))
