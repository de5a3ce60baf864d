import time

import pytest

from ragdesk.support.access import (
    ROLE_SCOPES,
    find_role,
    make_account_principal,
    make_visitor_principal,
)
from ragdesk.support.sign_in.session_store import IDLE_SECONDS, LONGEST_SECONDS, SessionStore


@pytest.fixture
def sessions(database):
    return SessionStore(database, lambda: b"s" * 32)


@pytest.fixture
def clock(monkeypatch):
    class Clock:
        now = time.time()

    monkeypatch.setattr(time, "time", lambda: Clock.now)
    return Clock


def test_a_cookie_opens_its_session_and_nothing_else_does(sessions, database, tmp_path):
    token, expires = sessions.create(key="0a")

    session = sessions.find(token)
    assert (session.key, session.account, session.expires) == ("0a", None, expires)
    assert sessions.find(token + "x") is None
    assert sessions.find("\ud800") is None
    if not database.is_shared:
        stored = b"".join(f.read_bytes() for f in (tmp_path / "home").glob("desk.sqlite*"))
        assert session.id.encode() in stored
        assert token.encode() not in stored
    sessions.end(token)
    assert sessions.find(token) is None


def test_use_keeps_a_session_up_to_seven_days(sessions, clock):
    idle, _ = sessions.create(key="0a")
    token, _ = sessions.create(account="1b")
    began = clock.now

    while clock.now < began + LONGEST_SECONDS - IDLE_SECONDS:
        clock.now += IDLE_SECONDS - 1
        session = sessions.find(token)
        assert session.is_due(clock.now)
        sessions.note_use(session)
        assert not sessions.find(token).is_due(clock.now)

    assert sessions.find(idle) is None
    clock.now = began + LONGEST_SECONDS
    assert sessions.find(token) is None


def test_all_sessions_of_one_owner_end_together(sessions):
    mine = [sessions.create(key="0a")[0] for _ in range(2)]
    other, account = sessions.create(key="0b")[0], sessions.create(account="0a")[0]

    assert sessions.end_all(key="0a") == 2
    assert [sessions.find(token) for token in mine] == [None, None]
    assert sessions.find(other)
    assert sessions.find(account)
    assert sessions.end_all(account="0a") == 1


def test_the_token_against_forged_requests_is_of_one_session(sessions, database):
    first, second = (sessions.find(sessions.create(key="0a")[0]) for _ in range(2))

    token = sessions.csrf_token(first)
    assert sessions.is_csrf_token(first, token)
    assert not sessions.is_csrf_token(second, token)
    assert not sessions.is_csrf_token(first, "")
    assert not sessions.is_csrf_token(first, "ü")
    assert not SessionStore(database, lambda: b"t" * 32).is_csrf_token(first, token)


def test_accounts_and_visitors_have_the_rights_of_their_role():
    agent = make_account_principal("1b", "agent", frozenset({"staff"}))
    admin = make_account_principal("1b", "admin", frozenset())
    visitor = make_visitor_principal("0a", "v1", frozenset({"shop"}))

    assert (agent.scopes, agent.groups, agent.person) == (
        ROLE_SCOPES["agent"],
        frozenset({"staff"}),
        "staff:1b",
    )
    assert admin.groups is None
    assert (visitor.scopes, visitor.groups) == (frozenset({"ask"}), frozenset())
    assert (visitor.person, visitor.kind) == ("visitor:0a:v1", "visitor")
    assert [find_role(scopes) for scopes in ROLE_SCOPES.values()] == [*ROLE_SCOPES]
