import contextlib
import sqlite3
import stat

import pytest

from ragdesk.errors import Forbidden, HomeUnusable, Invalid, NotFound
from ragdesk.support.access import LOCAL_PRINCIPAL, authorize, make_principal
from ragdesk.support.key_store import KeyStore


@pytest.fixture
def keys(tmp_path):
    keys = KeyStore(tmp_path)
    yield keys
    keys.close()


def test_a_token_finds_its_key_and_nothing_else_does(keys):
    key, token = keys.create("page", groups={"staff", "human resources"}, collections={"default"})

    assert token.startswith("rd_")
    assert keys.find_by_token(token) == key
    assert keys.find_by_token("rd_garbage") is None
    assert keys.find_by_token(token + "x") is None
    assert keys.find_by_token("\ud800") is None


def test_only_a_hash_is_stored(keys, tmp_path):
    _, token = keys.create("page")
    keys.close()

    stored = b"".join(f.read_bytes() for f in tmp_path.iterdir())
    assert token.encode() not in stored
    assert stat.S_IMODE((tmp_path / "desk.sqlite").stat().st_mode) == 0o600


def test_revoked_and_expired_keys_are_not_found(keys):
    revoked, token = keys.create("a")
    _, expired = keys.create("b", days=0)

    assert keys.revoke(revoked.id).revoked is not None
    assert keys.find_by_token(token) is None
    assert keys.find_by_token(expired) is None
    assert keys.has_had_keys()
    assert not keys.has_valid_key()
    with pytest.raises(NotFound, match="keys list"):
        keys.revoke("nothing")


def test_keys_survive_and_are_seen_by_another_process(keys, tmp_path):
    assert not keys.has_had_keys()
    other = KeyStore(tmp_path)
    _, token = other.create("late")
    secret = other.get_secret("cursor")
    other.close()

    assert keys.find_by_token(token) is not None
    assert keys.get_secret("cursor") == secret
    assert len(secret) == 32


def test_a_scope_that_is_not_one_is_refused(keys):
    with pytest.raises(Invalid, match="ask, write, agent, edit, admin"):
        keys.create("x", scopes=["everything"])


def test_authorize_denies_what_was_not_given(keys):
    key, _ = keys.create("x", scopes=["ask"], collections=["a"])
    who = make_principal(key)

    authorize(who, "ask", "a")
    with pytest.raises(Forbidden):
        authorize(who, "write", "a")
    with pytest.raises(NotFound):
        authorize(who, "ask", "b")
    assert who.groups == frozenset()
    authorize(LOCAL_PRINCIPAL, "admin", "anything")


def test_an_admin_has_every_scope_within_its_collections(keys):
    who = make_principal(keys.create("x", scopes=["admin"], collections=["a"])[0])

    authorize(who, "write", "a")
    assert who.groups is None
    with pytest.raises(NotFound):
        authorize(who, "write", "b")


@pytest.mark.parametrize("lost", ["removed", "emptied", "left by a crash"])
def test_a_home_of_0_1_0_whose_file_was_lost_is_not_open(tmp_path, lost):
    """It has no mark yet. What SQLite left beside the file, or an empty file, tells enough."""
    file = tmp_path / "desk.sqlite"
    if lost == "emptied":
        file.touch()
    elif lost == "removed":
        file.with_name("desk.sqlite-wal").write_bytes(b"x")
    else:
        file.with_name("desk.sqlite-shm").touch()
    keys = KeyStore(tmp_path)
    assert keys.are_lost()
    assert (tmp_path / "desk.sqlite.closed").exists()
    keys.create("again")
    assert not keys.are_lost()
    keys.close()


def test_a_new_home_is_open_and_its_file_never_empty(tmp_path):
    for _ in range(2):
        keys = KeyStore(tmp_path / "home")
        assert not keys.has_had_keys()
        keys.close()
    names = {file.name for file in (tmp_path / "home").iterdir()}
    assert names == {"desk.sqlite"}
    assert (tmp_path / "home" / "desk.sqlite").stat().st_size > 0


def test_a_newer_or_damaged_file_is_refused_by_name(tmp_path):
    db = sqlite3.connect(tmp_path / "desk.sqlite")
    db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(HomeUnusable, match=r"desk\.sqlite.*newer ragdesk"):
        KeyStore(tmp_path)

    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "desk.sqlite").write_bytes(b"not a database" * 100)
    with pytest.raises(HomeUnusable, match=r"desk\.sqlite"):
        KeyStore(tmp_path / "other")


@pytest.mark.parametrize("limit", [{"groups": [""]}, {"collections": ["a", " "]}])
def test_a_key_whose_limit_names_nothing_is_not_made(tmp_path, limit):
    keys = KeyStore(tmp_path)
    with pytest.raises(Invalid, match="empty"):
        keys.create("page", **limit)
    assert keys.list_keys() == []
    keys.close()


def test_a_file_that_takes_the_place_of_another_counts_at_once(tmp_path):
    """A copy from a backup, an empty file, and what another process writes into it."""
    with contextlib.closing(KeyStore(tmp_path)) as keys:
        _, former = keys.create("of a stolen laptop")
        assert keys.find_by_token(former)
        (tmp_path / "copy").mkdir()
        with contextlib.closing(KeyStore(tmp_path / "copy")) as other:
            _, latter = other.create("of the backup")
        for name in ("desk.sqlite", "desk.sqlite-wal", "desk.sqlite-shm"):
            (tmp_path / name).unlink(missing_ok=True)
        with pytest.raises(HomeUnusable, match=r"desk\.sqlite"):
            keys.find_by_token(former)

        (tmp_path / "copy" / "desk.sqlite").rename(tmp_path / "desk.sqlite")

        assert keys.find_by_token(former) is None
        assert keys.find_by_token(latter)
        with contextlib.closing(KeyStore(tmp_path)) as other:
            for key in other.list_keys():
                other.revoke(key.id)
        assert keys.find_by_token(latter) is None
        assert keys.has_had_keys()


@pytest.mark.parametrize("groups", ["{", "null", '"staff"', "[1]", "{}"])
def test_a_row_that_is_not_of_ours_opens_nothing_and_is_said(keys, tmp_path, groups):
    key, token = keys.create("x", groups=["board"])
    with contextlib.closing(sqlite3.connect(tmp_path / "desk.sqlite")) as db, db:
        db.execute("UPDATE keys SET groups = ?", (groups,))

    for ask in (lambda: keys.find_by_token(token), lambda: keys.find_valid(key.id), keys.list_keys):
        with pytest.raises(HomeUnusable, match=r"desk\.sqlite"):
            ask()
