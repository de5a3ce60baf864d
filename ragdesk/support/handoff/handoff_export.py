"""What hand-offs hold of a person: exported whole, and erased with all that hangs on them."""

import json
from typing import Any, Final

from sqlalchemy import Connection, delete, select, update

from ragdesk.support.encryption import TextCipher
from ragdesk.support.handoff.handoff_tables import HANDOFF_EVENTS, HANDOFFS
from ragdesk.support.personal_data_source import PersonalDataSource

JSON_COLUMNS: Final = ("payload", "contact", "detail")
HIDDEN_COLUMNS: Final = ("draft", "groups", "agent")  # of the house, not of the customer


def _export_handoffs(
    connection: Connection, cipher: TextCipher, person: str
) -> list[dict[str, Any]]:
    wanted = select(HANDOFFS).where(HANDOFFS.c.person == person).order_by(HANDOFFS.c.created)
    exported = []
    for row in connection.execute(wanted).mappings().all():
        of_it = select(HANDOFF_EVENTS).where(HANDOFF_EVENTS.c.handoff == row["id"])
        events = connection.execute(of_it.order_by(HANDOFF_EVENTS.c.number)).mappings().all()
        exported.append(
            {
                **_open_row(dict(row), cipher, HANDOFFS.c),
                "events": [_open_row(dict(event), cipher, HANDOFF_EVENTS.c) for event in events],
            }
        )
    return exported


def _open_row(row: dict[str, Any], cipher: TextCipher, columns: Any) -> dict[str, Any]:
    opened = {
        name: cipher.open(value) if columns[name].info.get("sealed") and value else value
        for name, value in row.items()
        if name not in HIDDEN_COLUMNS
    }
    for name in JSON_COLUMNS:
        if name in opened:
            opened[name] = json.loads(opened[name])
    return opened


def _erase_handoffs(connection: Connection, person: str) -> int:
    # Whoever answered somebody else loses the name; what was said is that person's.
    agent = update(HANDOFFS).where(HANDOFFS.c.agent == person)
    actor = update(HANDOFF_EVENTS).where(HANDOFF_EVENTS.c.actor == person)
    own = delete(HANDOFFS).where(HANDOFFS.c.person == person)
    done = connection.execute(own).rowcount
    done += connection.execute(agent.values(agent=None, agent_name=None)).rowcount
    return int(done + connection.execute(actor.values(actor="")).rowcount)


HANDOFF_DATA: Final = PersonalDataSource(
    name="handoffs", export=_export_handoffs, erase=_erase_handoffs
)
