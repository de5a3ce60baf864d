"""Hold every answer of the API against what ``/openapi.json`` declares.

    python -m tests.resilience.declared_answers --examples 60

A server of a small home is asked by schemathesis, in all of its phases (examples, coverage,
fuzzing, stateful), once as each role: asker, agent, editor, administrator, a visitor of a website,
and nobody. An answer of a status, media type, header or form that its route does not declare is
one too many, as are a 5xx, an undeclared event of a stream, and the path of the home.
"""

import argparse
import contextlib
import itertools
import json
import logging
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import httpx
import uvicorn

from ragdesk.assemble import Workspace
from ragdesk.settings import Settings
from ragdesk.support.access import ROLE_SCOPES
from ragdesk.support.chat_channels.chat_options import ChatOptions
from ragdesk.support.conversations.conversation import ConversationTurn
from ragdesk.support.key_store import KeyStore
from ragdesk.support.sign_in.publishable_keys import PublishableKeyStore
from ragdesk.web import api
from ragdesk.web.limit_options import LimitOptions
from ragdesk.web.serve_options import ServeOptions
from tests.resilience.kills import ROOT

sys.path.append(str(ROOT / "tests"))

from chat_systems import (
    APP,
    APP_SECRET,
    BOT_TOKEN,
    CORP,
    ENCRYPT_KEY,
    SLACK_SECRET,
    TEAMS_KEY,
    VERIFICATION,
    WECOM_KEY,
    WECOM_TOKEN,
)
from web_home import CANARY, SECRET, TEXTS, HashEmbedder, publish

PHASES: Final = ("examples", "coverage", "fuzzing", "stateful")
CHECKS: Final = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "ignored_auth",
    "tells_no_path_of_the_machine",
)
PATIENCE: Final = 60.0
SHOP: Final = "https://shop.example"
NO_LIMITS: Final = LimitOptions(
    visitor_per_minute=0,
    visitor_concurrent=0,
    network_per_minute=0,
    site_per_minute=0,
    session_per_minute=0,
    key_per_minute=0,
)
# Nobody signs what is sent to them: they show what a channel says to strangers.
CHANNELS: Final = {
    "slack": ChatOptions(kind="slack", secret=SLACK_SECRET, token=BOT_TOKEN),
    "feishu": ChatOptions(
        kind="feishu", secret=ENCRYPT_KEY, verification=VERIFICATION, app=APP, token=APP_SECRET
    ),
    "wecom": ChatOptions(
        kind="wecom",
        secret=WECOM_KEY,
        verification=WECOM_TOKEN,
        app=CORP,
        agent=218,
        token=APP_SECRET,
    ),
    "teams": ChatOptions(kind="teams", secret=TEAMS_KEY),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """Somebody who asks: what they show, and names of things that are theirs."""

    name: str
    headers: dict[str, str]
    places: dict[str, Any]


@contextlib.contextmanager
def run_server(home: Path, keys: KeyStore) -> Iterator[tuple[str, Any]]:
    """Serve a home from a thread; gives its address and its app."""
    serve = ServeOptions(poll_seconds=0.2, max_in_flight=64)
    chosen = replace(Settings(), serve=serve, limits=NO_LIMITS, channels=CHANNELS)
    app = api.build_app(Workspace(home, chosen, HashEmbedder()), keys)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        config = uvicorn.Config(app, log_level="critical", timeout_graceful_shutdown=2)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        try:
            while not server.started:
                time.sleep(0.05)
            yield f"http://127.0.0.1:{listening.getsockname()[1]}", app
        finally:
            server.should_exit = True
            thread.join()


def make_roles(address: str, app: Any, keys: KeyStore) -> list[Role]:
    """Make a key of every role, and what each would ask of."""
    shown = {
        role: {"Authorization": f"Bearer {keys.create(role, scopes=scopes)[1]}"}
        for role, scopes in ROLE_SCOPES.items()
    }
    site = PublishableKeyStore(keys).create("shop", origins=[SHOP], collections=["default"])
    visit = {"Authorization": f"Bearer {site.token}", "Origin": SHOP}
    made = (
        httpx.post(f"{address}/v1/visitors", headers=visit, timeout=PATIENCE)
        .raise_for_status()
        .json()
    )
    shown |= {"visitor": {**visit, "X-Visitor": made["secret"]}}
    roles = [
        Role(
            name=name,
            headers=headers,
            places=_furnish(address, app, headers, shown["admin"]) | {"channel": channel},
        )
        for (name, headers), channel in zip(shown.items(), itertools.cycle(CHANNELS), strict=False)
    ]
    return [*roles, Role(name="nobody", headers={}, places=roles[0].places)]


def _furnish(
    address: str, app: Any, headers: dict[str, str], admin: dict[str, str]
) -> dict[str, Any]:
    """Begin what a role asks of: a conversation with a turn, a hand-off, a job; gives the names."""
    with httpx.Client(base_url=address, headers=headers, timeout=PATIENCE) as client:
        talk = client.post("/v1/conversations", json={}).raise_for_status().json()["id"]
        question = {"question": "How long do refunds take?", "conversation": talk}
        answer = client.post("/v1/answers", json=question).raise_for_status().json()["id"]
        asked = client.post("/v1/handoffs", json={"conversation": talk}).raise_for_status().json()
        document = "/v1/collections/default/documents/aims.md"
        job = client.put(document, content=b"# Aims", headers=admin).raise_for_status().json()
    fact = {"uri": "lookup:orders/12345", "document": None, "context": {"text": "It is late."}}
    turn = ConversationTurn(
        id=os.urandom(16).hex(),
        conversation=talk,
        collection="default",
        answer={"citations": [fact]},
    )
    app.state.desk.conversations.append_turn(turn)
    names = {"collection": "default", "uri": "refunds.md", "conversation": talk, "number": 1}
    names |= {"job": job["id"], "handoff": asked["id"], "turn": turn.id, "model": "ragdesk"}
    body = {"conversation": talk, "answer": answer, "collection": "default", "model": "ragdesk"}
    return {**names, "lookup": "orders", "value": "12345", "body": body}


def try_role(address: str, role: Role, home: Path, examples: int, routes: str) -> tuple[int, str]:
    """Ask as a role, in every phase; gives how many findings there are, and the report."""
    command = [sys.executable, "-m", "schemathesis.cli", "run", f"{address}/openapi.json"]
    command += ["--phases", ",".join(PHASES), "--checks", ",".join(CHECKS)]
    command += ["--max-examples", str(examples), "--seed", "7", "--continue-on-failure"]
    command += ["--generation-with-security-parameters", "false", "--no-color", "--workers", "1"]
    command += ["--request-timeout", "120", "--generation-database", "none", "--no-shrink"]
    if routes:
        command += ["--include-path-regex", routes]
    for name, value in role.headers.items():
        command += ["-H", f"{name}: {value}"]
    environment = {
        **os.environ,
        "SCHEMATHESIS_HOOKS": "tests.resilience.declared_hooks",
        "RAGDESK_PLACES": json.dumps(role.places),
        "RAGDESK_TRIED_HOME": str(home),
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
    }
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False, cwd=home.parent
    )
    return done.returncode, done.stdout + done.stderr


def main() -> int:
    """Try the roles, print a line of each, and leave the reports."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--examples", type=int, default=60, help="of each route and phase")
    parser.add_argument("--only", nargs="*", default=[], help="names of roles")
    parser.add_argument("--routes", default="", help="an expression for their paths; all of them")
    parser.add_argument("--out", type=Path, help="folder of the reports")
    options = parser.parse_args()
    logging.disable(logging.ERROR)
    failed = 0
    with tempfile.TemporaryDirectory() as place:
        home = Path(place) / "tried-home"
        publish(home, "default", {**TEXTS, SECRET: CANARY}, secrets=frozenset({"staff"}))
        publish(home, "other", {"only-here.md": "The marmalade is orange.\n"})
        with contextlib.closing(KeyStore(home)) as keys:
            keys.create("closes the desk")
            with run_server(home, keys) as (address, app):
                for role in make_roles(address, app, keys):
                    if options.only and role.name not in options.only:
                        continue
                    began = time.monotonic()
                    status, report = try_role(address, role, home, options.examples, options.routes)
                    failed += status != 0
                    if options.out:
                        (options.out / f"{role.name}.txt").write_text(report)
                    counted = " · ".join(
                        re.findall(r"^ *(\d+ generated.*|.*failures?.*)$", report, re.MULTILINE)[
                            -3:
                        ]
                    )
                    seconds = time.monotonic() - began
                    print(f"{role.name}: exit {status}, {seconds:.0f} s. {counted}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
