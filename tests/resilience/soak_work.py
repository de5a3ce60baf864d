"""What a soak does to a server: the model of its documents, honest clients, and broken ones.

A writer owns the names it writes, so the model knows what must be there: a job that said ``done``
is acknowledged. Every text holds a topic to ask for and a canary that only who may see the
document may ever be sent.
"""

import contextlib
import random
import re
import socket
import threading
import time
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

COLLECTIONS = ("handbook", "products")
NAMES = 40  # documents of a writer at most
SETTLED = 8.0  # seconds until a server must serve what a job acknowledged
MOST_UPLOAD = 1 << 20
CANARY = re.compile(r"canary[0-9a-f]{16}")
FILLER = "The office is open from nine to five on every working day of the week.\n\n"
Place = tuple[str, str]  # collection and uri


@dataclass(frozen=True, slots=True)
class Document:
    """What was acknowledged of one document."""

    text: str
    topic: str
    canary: str
    staff: bool


@dataclass
class World:
    """What must be there, what happened, and the gates between the operator and the clients."""

    base: str
    keys: dict[str, str]
    seed: int
    stop: threading.Event = field(default_factory=threading.Event)
    down: threading.Event = field(default_factory=threading.Event)  # while it is started again
    writing: dict[str, threading.Event] = field(default_factory=dict)
    damaged: set[str] = field(default_factory=set)  # collections between a flip and its remedy
    returning: set[str] = field(default_factory=set)  # until all is put back that a remedy took
    documents: dict[Place, Document] = field(default_factory=dict)
    changing: set[Place] = field(default_factory=set)
    versions: Counter[Place] = field(default_factory=Counter)
    owners: dict[str, tuple[str, bool]] = field(default_factory=dict)  # canary: collection, staff
    counts: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    recent: deque[str] = field(default_factory=lambda: deque(maxlen=400))
    lock: threading.Lock = field(default_factory=threading.Lock)
    began: float = field(default_factory=time.monotonic)
    events: Path | None = None

    def __post_init__(self) -> None:
        for name in COLLECTIONS:
            self.writing[name] = threading.Event()
            self.writing[name].set()

    def count(self, name: str, number: int = 1) -> None:
        """Count something that happened."""
        with self.lock:
            self.counts[name] += number

    def note(self, line: str) -> None:
        """Keep a line of what happened, with its second."""
        stamped = f"{time.monotonic() - self.began:7.1f} s  {line}"
        with self.lock:
            self.recent.append(stamped)
            if self.events:
                with self.events.open("a") as out:
                    out.write(f"{stamped}\n")

    def fail(self, kind: str, line: str) -> None:
        """Count a broken promise and keep what it was."""
        self.count(kind)
        self.note(f"{kind}: {line}")
        with self.lock:
            if len(self.failures) < 200:
                self.failures.append(f"{time.monotonic() - self.began:7.1f} s  {kind}: {line}")

    def headers(self, who: str) -> dict[str, str]:
        """Give the header of a key: "admin", "staff" or "public"."""
        return {"authorization": f"Bearer {self.keys[who]}"}

    def send(self, who: str, method: str, path: str, **more: Any) -> httpx.Response | None:
        """Send one honest request on a connection of its own, and judge its status.

        None where no answer came. 5xx is due as a 503: with Retry-After, or while the collection
        is damaged.
        """
        try:
            with httpx.Client(base_url=self.base, timeout=60, trust_env=False) as client:
                reply = client.request(method, path, headers=self.headers(who), **more)
        except httpx.HTTPError as error:
            if not (self.stop.is_set() or self.down.is_set()):
                self.fail("no answer", f"{method} {path}: {error!r}")
            return None
        self.judge(who, f"{method} {path}", reply, reply.text)
        return reply

    def judge(self, who: str, request_line: str, reply: httpx.Response, body: str) -> None:
        """Count a reply; a 5xx that is not due and a canary that is not theirs are failures."""
        status = reply.status_code
        self.count(f"{status // 100}xx")
        if status >= 500:
            due = status == 503 and ("retry-after" in reply.headers or bool(self.damaged))
            if due:
                self.count("503 that was due")
            else:
                self.fail("5xx that was not due", f"{request_line}: {status} {body[:200]}")
        if who == "public":
            for canary in set(CANARY.findall(body)):
                _, staff = self.owners.get(canary, ("", False))
                if staff:
                    self.fail("leak", f"{request_line}: {canary}")

    @contextlib.contextmanager
    def change(self, place: Place) -> Iterator[None]:
        """Say that a document is being changed: nobody may expect either state."""
        with self.lock:
            self.changing.add(place)
        try:
            yield
        finally:
            with self.lock:
                self.changing.discard(place)
                self.versions[place] += 1


def address(place: Place) -> str:
    """Give the path of a document."""
    return f"/v1/collections/{place[0]}/documents/{quote(place[1])}"


def is_of(reply: httpx.Response, document: Document) -> bool:
    """Tell whether a reply is the stored text of a document, as parsed, or its original."""
    if reply.status_code != httpx.codes.OK:
        return False
    return reply.text == document.text or set(CANARY.findall(reply.text)) == {document.canary}


def make(chance: random.Random, *, staff: bool) -> Document:
    """Write a document with a topic and a canary of its own."""
    topic = f"topic{chance.getrandbits(40):010x}"
    canary = f"canary{chance.getrandbits(64):016x}"
    filler = FILLER * chance.randrange(1, 12)
    text = f"# The {topic}\n\nThe code of the {topic} is {canary}.\n\n{filler}"
    return Document(text, topic, canary, staff)


def put(world: World, place: Place, document: Document) -> str:
    """Put a document and wait for its job; gives "done", why not, or "unknown"."""
    with world.lock:  # before anybody can be sent it
        world.owners[document.canary] = (place[0], document.staff)
    groups = {"groups": "staff" if document.staff else "open"}
    body = document.text.encode()
    sent = world.send("admin", "PUT", address(place), params=groups, content=body)
    return await_job(world, sent)


def await_job(world: World, sent: httpx.Response | None) -> str:
    """Wait for the job of a reply; gives "done", its error's code, "refused 503" or "unknown"."""
    if sent is None:
        return "unknown"
    if sent.status_code != httpx.codes.ACCEPTED:
        return f"refused {sent.status_code}"
    until = time.monotonic() + 120
    while time.monotonic() < until:
        reply = world.send("admin", "GET", sent.headers["location"])
        if reply is not None and reply.status_code == httpx.codes.OK:
            job = reply.json()
            if job["finished"] is not None:
                if job["state"] == "done":
                    skipped = (job["report"] or {}).get("skipped")
                    return "skipped" if skipped else "done"
                return str(job["error"]["code"])
        time.sleep(0.05)
    world.fail("job without end", sent.headers["location"])
    return "unknown"


def change_document(world: World, place: Place, document: Document | None) -> str:
    """Put or delete a document, and bring the model in line with what was acknowledged."""
    with world.change(place):
        if document is None:
            outcome = await_job(world, world.send("admin", "DELETE", address(place)))
        else:
            outcome = put(world, place, document)
        what = "delete" if document is None else "put"
        world.count(f"{what}: {outcome}")
        if outcome == "done":
            with world.lock:
                if document is None:
                    world.documents.pop(place, None)
                else:
                    world.documents[place] = document
        elif outcome == "unknown":
            settle(world, place, document)
        elif place[0] not in world.damaged and not outcome.startswith("refused 503"):
            world.fail("job failed", f"{what} {place}: {outcome}")
    return outcome


def settle(world: World, place: Place, document: Document | None) -> None:
    """Look which state holds after a change that nobody acknowledged."""
    time.sleep(SETTLED)
    reply = world.send("admin", "GET", f"{address(place)}/text")
    with world.lock:
        if reply is not None and reply.status_code == httpx.codes.NOT_FOUND:
            if document is None:
                world.documents.pop(place, None)
        elif reply is not None and document and is_of(reply, document):
            world.documents[place] = document


def write(world: World, collection: str, number: int) -> None:
    """Put, replace, regroup and delete documents of one writer, until told to stop."""
    chance = random.Random(f"{world.seed} writer {collection} {number}")  # noqa: S311
    while not world.stop.is_set():
        if not world.writing[collection].wait(0.5):
            continue
        place = (collection, f"w{number}/{chance.randrange(NAMES)}.md")
        old = world.documents.get(place)
        way = chance.random()
        if old is None or way < 0.5:
            new: Document | None = make(chance, staff=chance.random() < 0.4)
        elif way < 0.7:  # a text of its own: a canary is of one group for ever
            new = make(chance, staff=not old.staff)
            world.count("regrouped")
        else:
            new = None
        if change_document(world, place, new) not in {"done", "skipped"}:
            time.sleep(0.5)
        time.sleep(chance.uniform(0.05, 0.3))


def check(world: World, place: Place, kind: str = "lost", patience: float = SETTLED) -> bool:
    """Hold one document against the server; False and a failure where it is not as acknowledged."""
    until = time.monotonic() + patience
    while True:
        with world.lock:
            due = world.documents.get(place)
            version = world.versions[place]
            busy = place in world.changing or place[0] in world.damaged | world.returning
        if busy:
            return True
        reply = world.send("admin", "GET", f"{address(place)}/text")
        with world.lock:
            busy = place in world.changing or place[0] in world.damaged | world.returning
            moved = busy or world.versions[place] != version
        if moved or reply is None or reply.status_code == httpx.codes.SERVICE_UNAVAILABLE:
            return True
        missing = reply.status_code == httpx.codes.NOT_FOUND
        if missing if due is None else is_of(reply, due):
            return True
        if time.monotonic() > until:
            wrong = "not deleted" if due is None else "missing" if missing else "of another text"
            world.fail(kind, f"{place}: {wrong}")
            return False
        time.sleep(0.3)


def read(world: World) -> None:
    """Hold documents against the model, as long as it runs, and ask for hidden ones."""
    chance = random.Random(f"{world.seed} reader")  # noqa: S311
    while not world.stop.is_set():
        with world.lock:
            places = list(world.documents)
        if places:
            place = chance.choice(places)
            check(world, place)
            with world.lock:
                hidden = place in world.documents and world.documents[place].staff
            world.send("public", "GET", f"{address(place)}/{chance.choice(['text', 'original'])}")
            world.count("hidden documents asked for by name", int(hidden))
            world.send("staff", "GET", f"{address(place)}/original")
        world.send("public", "GET", f"/v1/collections/{chance.choice(COLLECTIONS)}/documents")
        world.send("public", "GET", "/v1/collections")
        time.sleep(chance.uniform(0.02, 0.2))


def ask(world: World, number: int) -> None:
    """Ask, search and stream, each by a key that may see all or some."""
    chance = random.Random(f"{world.seed} asker {number}")  # noqa: S311
    while not world.stop.is_set():
        with world.lock:
            places = list(world.documents.items())
        (collection, _), document = (
            chance.choice(places) if places else ((COLLECTIONS[0], ""), None)
        )
        question = f"What is the code of the {document.topic if document else 'office'}?"
        who = chance.choice(["public", "staff", "admin"])
        way = chance.random()
        if way < 0.3:
            request = {"query": question, "collection": collection}
            world.send(who, "POST", "/v1/search", json=request)
        elif way < 0.6:
            stream(world, who, {"question": question, "collection": collection, "stream": True})
        else:
            request = {"question": question, "collection": collection}
            reply = world.send(who, "POST", "/v1/answers", json=request)
            if reply is not None and reply.status_code == 200 and document:
                may = who != "public" or not document.staff
                has_canary = document.canary in reply.text
                world.count(
                    f"asked for its code: {'may' if may else 'may not'}, {'got' if has_canary else 'did not get'} it"
                )
        time.sleep(chance.uniform(0.02, 0.15))


def stream(world: World, who: str, request: dict[str, Any]) -> None:
    """Read a stream of events to its end, which must be one ``done`` or ``error``."""
    try:
        with (
            httpx.Client(base_url=world.base, timeout=60, trust_env=False) as client,
            client.stream("POST", "/v1/answers", json=request, headers=world.headers(who)) as reply,
        ):
            body = reply.read().decode()
    except httpx.HTTPError as error:
        if not (world.stop.is_set() or world.down.is_set()):
            world.fail("no answer", f"stream: {error!r}")
        return
    world.judge(who, "POST /v1/answers (stream)", reply, body)
    if reply.status_code == 200:
        world.count("streams")
        if body.count("event: done") + body.count("event: error") != 1:
            world.fail("stream without end", body[-200:])


class Broken:
    """Clients that do what no client should, one kind after the other."""

    def __init__(self, world: World, number: int) -> None:
        self.world, self.chance = world, random.Random(f"{world.seed} broken {number}")  # noqa: S311
        host, _, port = world.base.removeprefix("http://").partition(":")
        self.address = (host, int(port))
        self.key = f"Authorization: Bearer {world.keys['admin']}\r\n"

    def run(self) -> None:
        """Go on until told to stop. What the server does to these connections is its business."""
        kinds = [
            self.half_post, self.leave_stream, self.never_read, self.abort_upload,
            self.oversize, self.wrong_key, self.idle, self.garbage,
        ]  # fmt: skip
        while not self.world.stop.is_set():
            kind = self.chance.choice(kinds)
            try:
                kind()
            except OSError:
                self.world.count("broken clients hung up on")
            self.world.count(f"broken: {kind.__name__.replace('_', ' ')}")
            time.sleep(self.chance.uniform(0.05, 0.4))

    def open(self, head: str, body: bytes = b"") -> socket.socket:
        """Connect and send the beginning of a request."""
        connection = socket.create_connection(self.address, timeout=10)
        connection.sendall(head.encode() + body)
        return connection

    def head(self, method: str, path: str, length: int | None, *, key: bool = True) -> str:
        """Write a request's head."""
        lines = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{self.key if key else ''}"
        lines += "" if length is None else f"Content-Length: {length}\r\n"
        return f"{lines}Content-Type: application/json\r\n\r\n"

    def half_post(self) -> None:
        key = self.chance.random() < 0.5
        with self.open(self.head("POST", "/v1/answers", 200, key=key), b'{"question": "Wh'):
            time.sleep(self.chance.uniform(0.5, 5))

    def leave_stream(self) -> None:
        body = b'{"question": "When is the office open?", "collection": "handbook", "stream": true}'
        with self.open(self.head("POST", "/v1/answers", len(body)), body) as connection:
            connection.recv(64)

    def never_read(self) -> None:
        head = self.head("GET", "/v1/collections/handbook/documents", None)
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2_048)
        connection.settimeout(3)
        with connection:
            connection.connect(self.address)
            connection.sendall(head.encode() * 32)
            time.sleep(self.chance.uniform(0.5, 6))

    def abort_upload(self) -> None:
        place = ("handbook", f"broken/{self.chance.randrange(9)}.md")
        with self.open(self.head("PUT", address(place), 900_000), b"x" * 100_000):
            time.sleep(self.chance.uniform(0, 1))

    def oversize(self) -> None:
        place = ("handbook", "broken/large.md")
        length = MOST_UPLOAD + 1
        if self.chance.random() < 0.5:
            with self.open(self.head("PUT", address(place), length)) as connection:
                connection.recv(500)
        else:  # its length is not told
            head = self.head("PUT", address(place), None).replace(
                "Content-Type", "Transfer-Encoding: chunked\r\nContent-Type"
            )
            piece = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
            with self.open(head) as connection:
                for _ in range(20):
                    connection.sendall(piece)
                connection.recv(500)

    def wrong_key(self) -> None:
        wrong = {"authorization": f"Bearer rd_{self.chance.getrandbits(128):032x}"}
        with httpx.Client(base_url=self.world.base, timeout=30, trust_env=False) as client:
            for path in ("/v1/collections", "/v1/collections/handbook/documents"):
                with contextlib.suppress(httpx.HTTPError):
                    reply = client.get(path, headers=wrong)
                    if reply.status_code not in {401, 429, 503}:
                        self.world.fail("wrong key let in", f"{path}: {reply.status_code}")

    def idle(self) -> None:
        with contextlib.ExitStack() as connections:
            for _ in range(10):
                connections.enter_context(socket.create_connection(self.address, timeout=5))
            time.sleep(self.chance.uniform(1, 4))

    def garbage(self) -> None:
        with self.open("", self.chance.randbytes(300) + b"\r\n\r\n") as connection:
            connection.recv(200)
