"""Two servers on one PostgreSQL: who signed in at one of them is known to the other."""

from contextlib import closing

import pytest
from postgresql_process import find_programs, new_database, run_postgresql
from web_home import serving

from ragdesk.support.database import Database
from ragdesk.support.key_store import KeyStore
from ragdesk.support.sign_in.publishable_keys import PublishableKeyStore
from ragdesk.web.limit_options import LimitOptions

COLLECTIONS = "/v1/collections"


@pytest.mark.real
def test_sessions_visitors_limits_and_revocations_are_shared(home, tmp_path):
    if find_programs() is None:
        pytest.skip("no PostgreSQL server: make test-deps")
    limits = {"limits": LimitOptions(visitor_per_minute=6)}
    with (
        run_postgresql() as server,
        new_database(server) as address,
        closing(Database(home, address)) as first,
        closing(Database(tmp_path / "second", address)) as second,
        serving(home, KeyStore(home, first), tables=limits) as a,
        serving(home, KeyStore(tmp_path / "second", second), tables=limits) as b,
    ):
        keys = KeyStore(home, first)
        key, token = keys.create("Mia", scopes=["ask", "agent"])
        opened = a.post("/v1/session", json={"key": token})
        b.cookies.set("rd_session", a.cookies["rd_session"], domain="localhost.local")
        assert b.get("/v1/session").json() == opened.json()
        keys.revoke(key.id)
        assert (a.get(COLLECTIONS).status_code, b.get(COLLECTIONS).status_code) == (401, 401)
        b.cookies.clear()

        site = PublishableKeyStore(keys).create(
            "shop", origins=["https://shop.example"], collections=["default"]
        )
        bearer = {"Authorization": f"Bearer {site.token}"}
        secret = a.post("/v1/visitors", headers=bearer).json()["secret"]
        replies = [
            (a, b)[n % 2].get(COLLECTIONS, headers={**bearer, "X-Visitor": secret})
            for n in range(24)
        ]
        statuses = [reply.status_code for reply in replies]
        assert statuses[:6] == [200] * 6
        assert statuses.count(200) <= 12  # of two minutes at most
        audit = b.get(
            "/v1/audit",
            headers={"Authorization": f"Bearer {keys.create('x', scopes=['admin'])[1]}"},
        )
        assert [entry["action"] for entry in audit.json()["entries"]] == ["session.create"]
