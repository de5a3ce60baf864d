"""``python killed_server.py HOME PORT …``: serve HOME, and kill this process behind one deed.

HOME/die names the deed. The kill comes once its transaction is committed, before anything of it is
noted or sent; the file is gone then, so that the next server lives.
"""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import slow_server

from ragdesk.assemble import Workspace
from ragdesk.support.conversations.conversation_store import ConversationStore
from ragdesk.support.conversations.feedback_store import FeedbackStore
from ragdesk.support.handoff.handoff_store import HandoffStore
from ragdesk.support.key_store import KeyStore
from ragdesk.support.learning.draft_store import DraftStore
from ragdesk.web import case_routes, generation_routes

ORDER = "die"
DEEDS: dict[str, tuple[Any, str]] = {
    "conversation": (ConversationStore, "create"),
    "turn": (ConversationStore, "append_turn"),
    "handoff": (HandoffStore, "open_handoff"),
    "change": (HandoffStore, "change_handoff"),
    "draft": (DraftStore, "add"),
    "drafts": (DraftStore, "add_all"),
    "approval": (DraftStore, "approve"),
    "rejection": (DraftStore, "reject"),
    "key": (KeyStore, "create"),
    "feedback": (FeedbackStore, "put"),
    "share": (ConversationStore, "share"),
    "document": (Workspace, "change_document"),
    "case": (case_routes, "keep_case"),
    "case note": (case_routes, "note_file_deed"),
    "rollback plan": (generation_routes, "plan_deed"),
    "rollback": (generation_routes, "roll_back"),
    "rollback note": (generation_routes, "note_file_deed"),
}


def kill_behind(order: Path, name: str, deed: Callable[..., Any]) -> Callable[..., Any]:
    """Make a deed that is the last of its process, if the order names it."""

    def do_and_die(*what: Any, **more: Any) -> Any:
        result = deed(*what, **more)
        if order.exists() and order.read_text() == name:
            order.unlink()
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    return do_and_die


if __name__ == "__main__":
    home = Path(sys.argv[1])
    for name, (owner, method) in DEEDS.items():
        setattr(owner, method, kill_behind(home / ORDER, name, getattr(owner, method)))
    slow_server.main(home, int(sys.argv[2]), 0.0)
