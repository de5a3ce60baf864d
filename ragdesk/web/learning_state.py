"""What a server learns and counts from its conversations: gaps, drafts, surges."""

import asyncio
import logging
from dataclasses import dataclass

from indexes.text.redaction.redaction import find_personal_data, redact_text
from ragdesk.answering.thread_offload import run_in_thread
from ragdesk.assemble import Workspace
from ragdesk.errors import RagdeskError
from ragdesk.support.database import Database
from ragdesk.support.encryption import TextCipher
from ragdesk.support.insight.alerts import SurgeAlarm, make_alert_places
from ragdesk.support.insight.surge_watch import LOOK_SECONDS, SurgeWatch
from ragdesk.support.learning.learning_desk import LearningDesk

log = logging.getLogger("ragdesk.web")


@dataclass(frozen=True, slots=True, kw_only=True)
class LearningState:
    """The gaps and drafts of a server, its surges, and who is told of those."""

    desk: LearningDesk
    surges: SurgeWatch
    alarm: SurgeAlarm

    async def watch_surges(self) -> None:
        """Look for surges every ten minutes, until it is cancelled."""
        while True:
            try:
                await run_in_thread(self.alarm.look)
            except RagdeskError as error:
                fields = {"reason": str(error), "repeats": "surges"}
                log.warning("surges were not looked for", extra=fields)
            await asyncio.sleep(LOOK_SECONDS)


def make_learning_state(
    workspace: Workspace, database: Database, cipher: TextCipher
) -> LearningState:
    """Make what a server learns by, from its settings. Raises SettingsError."""
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
    watch = SurgeWatch(database, settings.surge)
    alarm = SurgeAlarm(watch, make_alert_places(settings.alerts, settings.handoff_mail))
    return LearningState(desk=desk, surges=watch, alarm=alarm)
