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

from ragdesk.support.conversations.conversation_store import ConversationStore
from ragdesk.support.handoff.handoff_store import HandoffStore
from ragdesk.support.key_store import KeyStore
from ragdesk.support.learning.draft_store import DraftStore

ORDER = "die"
DEEDS: dict[str, tuple[type, str]] = {
    "conversation": (ConversationStore, "create"),
    "turn": (ConversationStore, "append_turn"),
    "handoff": (HandoffStore, "open_handoff"),
    "change": (HandoffStore, "change_handoff"),
    "draft": (DraftStore, "add"),
    "key": (KeyStore, "create"),
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
    for name, (store, method) in DEEDS.items():
        setattr(store, method, kill_behind(home / ORDER, name, getattr(store, method)))
    slow_server.main(home, int(sys.argv[2]), 0.0)
