"""What a server learns and counts from its conversations: gaps, drafts, surges."""

from dataclasses import dataclass

from indexes.text.redaction.redaction import find_personal_data
from ragdesk.assemble import Workspace
from ragdesk.support.insight.surge_watch import SurgeWatch
from ragdesk.support.learning.learning_desk import LearningDesk
from ragdesk.web.support_state import SupportState


@dataclass(frozen=True, slots=True, kw_only=True)
class LearningState:
    """The gaps and drafts of a server, and its surges."""

    desk: LearningDesk
    surges: SurgeWatch


def make_learning_state(workspace: Workspace, support: SupportState) -> LearningState:
    """Make what a server learns by, from its settings."""
    settings = workspace.settings

    def find_kinds(text: str) -> list[str]:
        return sorted({span.kind for span in find_personal_data(text, settings.redaction)})

    desk = LearningDesk(
        support.database,
        support.cipher,
        settings.learning,
        find_personal=find_kinds,
        redact=support.recorder.redact,
    )
    return LearningState(desk=desk, surges=SurgeWatch(support.database, settings.surge))
