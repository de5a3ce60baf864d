"""Who may see and do what with a hand-off, and how it is shown to each."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Literal

from ragdesk.answering.answer import JsonObject
from ragdesk.errors import Forbidden, NotFound, WrongState
from ragdesk.support.access import Principal, authorize
from ragdesk.support.conversations.kept_answer import is_lookup_part
from ragdesk.support.handoff.handoff import Handoff
from ragdesk.support.handoff.handoff_desk import HandoffDesk
from ragdesk.support.handoff.handoff_payload import IsVisible, hide_sources
from ragdesk.support.handoff.handoff_rules import describe_waiting
from ragdesk.support.handoff.handoff_states import HandoffState, list_actions
from ragdesk.web.conversation_access import AnswerView

NO_HANDOFF = "No such hand-off."
PUBLIC_FIELDS = ("id", "conversation", "collection", "created", "updated", "taken", "closed")
HandoffRole = Literal["agent", "customer"]


def authorize_handoff(who: Principal, handoff: Handoff, role: HandoffRole | None) -> HandoffRole:
    """Return as what somebody deals with a hand-off. Raises NotFound where they may not.

    role: as what they want to; None takes what they may be, an agent first.
    """
    if role != "customer" and _may(lambda: authorize(who, "agent", handoff.collection)):
        return "agent"
    if role != "agent" and _may(
        lambda: authorize(who, "ask", handoff.collection, owner=handoff.person)
    ):
        return "customer"
    raise NotFound(NO_HANDOFF)


def check_holder(handoff: Handoff, who: Principal, confirm: str) -> None:
    """Refuse an agent to end what another one has, unless they say so twice. Raises WrongState.

    confirm: the hand-off's id, sent again. Editors and administrators need none.
    """
    is_own = who.person in {handoff.agent, handoff.person}
    if (
        handoff.state is HandoffState.WITH_PERSON
        and not is_own
        and "edit" not in who.scopes
        and confirm != handoff.id
    ):
        raise WrongState(
            f"{handoff.agent_name or 'Another agent'} has it. To do this all the same, send the "
            "id of the hand-off as confirm too."
        )


def _may(check: Callable[[], None]) -> bool:
    try:
        check()
    except (Forbidden, NotFound):
        return False
    return True


def describe_handoff(
    handoff: Handoff, desk: HandoffDesk, who: Principal, role: HandoffRole
) -> JsonObject:
    """Return a hand-off as it is listed for somebody."""
    waits = handoff.state is HandoffState.WAITING
    now = datetime.now(UTC)
    facts: JsonObject = {name: getattr(handoff, name) for name in PUBLIC_FIELDS}
    facts |= {
        "state": str(handoff.state),
        "reason": str(handoff.reason),
        "reopened": handoff.reopened,
        "rating": handoff.rating,
        "agent_name": handoff.agent_name,
        "actions": [str(action) for action in list_actions(handoff.state)],
        "message": describe_waiting(desk.options, now, handoff.language) if waits else None,
    }
    if role == "agent":
        facts |= {
            "question": handoff.payload["question"],
            "text": handoff.text,
            "contact": {n: getattr(handoff.contact, n) for n in ("name", "email", "phone")},
            "language": handoff.language,
            "sentiment": handoff.sentiment,
            "mine": handoff.state is HandoffState.WITH_PERSON and handoff.agent == who.person,
            "comment": handoff.comment,
        }
    return facts


def describe_whole(
    handoff: Handoff, desk: HandoffDesk, who: Principal, role: HandoffRole, view: AnswerView
) -> JsonObject:
    """Return a hand-off with all that somebody may see of it. Blocks.

    A reply that quotes what its reader may not see is hidden here as in its conversation.
    """
    facts = describe_handoff(handoff, desk, who, role)
    if role != "agent":
        return facts
    replies = desk.list_replies(handoff)
    hidden = {turn.id for turn in replies if view.show(turn) is None}
    events = [
        {
            "action": str(event.action),
            "actor": event.actor,
            "created": event.created,
            "text": "" if event.detail.get("turn") in hidden else event.detail.get("text", ""),
        }
        for event in desk.store.list_events(handoff.id)
    ]
    return {
        **facts,
        "payload": hide_sources(handoff.payload, _make_visibility(view)),
        "events": events,
        "troubles": desk.outbox.list_troubles(handoff.id),
    }


def _make_visibility(view: AnswerView) -> IsVisible:
    """Make the rule by which sources of a payload are shown: by their groups as of today.

    A payload names no source of its documents: of several that share a uri all have to be readable.
    """

    def is_visible(source: Mapping[str, Any]) -> bool:
        if is_lookup_part({**source, "document": source["groups"]}):
            return view.opens_lookups
        if view.index is not None and (
            today := view.index.documents.list_by_uri(str(source["uri"]))
        ):
            return all(view.may_read(document.groups) for document in today)
        groups = source["groups"]
        return view.groups is None or (groups is not None and view.may_read(frozenset(groups)))

    return is_visible


def common_groups(
    agent: frozenset[str] | None, customer: frozenset[str] | None
) -> frozenset[str] | None:
    """Return the groups whose documents both an agent and a customer may see.

    >>> common_groups(None, frozenset({"staff"})), common_groups(frozenset(), None)
    (frozenset({'staff'}), frozenset())
    """
    if agent is None:
        return customer
    return agent if customer is None else agent & customer
