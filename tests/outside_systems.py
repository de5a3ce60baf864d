"""Systems that hear of hand-offs, as their documentation says they behave: small real servers.

Each keeps what it was sent, refuses what its documentation refuses, and fails as often as told.
"""

import base64
import contextlib
import hashlib
import hmac
import json
import socket
import socketserver
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

Reply = tuple[int, Any]


class OutsideSystem:
    """One HTTP server. ``failures`` is how many requests are answered 503 before any is taken."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str, dict[str, str], Any]] = []
        self.failures = 0
        self.drops = 0  # requests that are done, and whose reply is lost
        system = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                headers = {name.lower(): value for name, value in self.headers.items()}
                if system.failures > 0:
                    system.failures -= 1
                    self.send_response(503)
                    self.send_header("Retry-After", "0")
                    self.end_headers()
                    return
                status, data = system.take(self.command, self.path, headers, body)
                if system.drops > 0:
                    system.drops -= 1
                    self.connection.close()
                    return
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                if status in {301, 302, 307}:
                    self.send_header("Location", str(data))
                self.end_headers()
                self.wfile.write(json.dumps(data).encode())

            do_POST = do_PUT = do_GET = answer  # noqa: N815, http.server's names

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def take(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Reply:
        self.requests.append((method, path, headers, body))
        return 200, {}


class Zendesk(OutsideSystem):
    """The Tickets API. Documented request, shortened:

    ``curl https://example.zendesk.com/api/v2/tickets.json -d '{"ticket": {"subject": "My printer is
    on fire!", "comment": {"body": "The smoke is very colorful."}}}' -H "Content-Type:
    application/json" -v -u EMAIL/token:TOKEN -X POST``; reply: ``201 Created``, ``Location:
    …/tickets/123.json``, ``{"ticket": {"id": 123, …}}``. An ``Idempotency-Key`` that was used gives
    the same reply again; with other parameters 400 ``IdempotentRequestError``.
    """

    def __init__(self, email: str, token: str) -> None:
        super().__init__()
        login = base64.b64encode(f"{email}/token:{token}".encode()).decode()
        self.login = f"Basic {login}"
        self.tickets: dict[int, dict[str, Any]] = {}
        self.keys: dict[str, tuple[bytes, int]] = {}

    def take(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Reply:
        super().take(method, path, headers, body)
        if headers.get("authorization") != self.login:
            return 401, {"error": "Couldn't authenticate you"}
        ticket = json.loads(body)["ticket"]
        if (method, path) == ("POST", "/api/v2/tickets.json"):
            if "body" not in ticket.get("comment", {}):
                return 422, {"error": "RecordInvalid", "description": "Record validation errors"}
            key = headers.get("idempotency-key", "")
            if key in self.keys:
                known, number = self.keys[key]
                return (201, {"ticket": {"id": number}}) if known == body else (400, {})
            number = 123 + len(self.tickets)
            self.tickets[number] = {**ticket, "comments": [ticket["comment"]], "status": "new"}
            self.keys[key] = (body, number)
            return 201, {"ticket": {"id": number}}
        number = int(path.removeprefix("/api/v2/tickets/").removesuffix(".json"))
        if method != "PUT" or number not in self.tickets:
            return 404, {"error": "RecordNotFound", "description": "Not found"}
        self.tickets[number]["comments"].append(ticket.pop("comment"))
        self.tickets[number].update(ticket)
        return 200, {"ticket": {"id": number}, "audit": {}}


class Chatwoot(OutsideSystem):
    """The Application API of account 1 with the API inbox 2.

    Documented: ``POST /api/v1/accounts/{account_id}/contacts`` with ``inbox_id``, ``name``,
    ``identifier`` gives ``{"payload": {"contact": {"id", …}, "contact_inbox": {"source_id", …}}}``
    and 422 for an identifier that is taken; ``POST …/conversations`` with ``source_id``,
    ``inbox_id``, ``contact_id``, ``status`` gives ``{"id", "account_id", "inbox_id"}``; ``POST
    …/conversations/{id}/messages`` with ``content``, ``message_type``, ``private``; ``POST
    …/conversations/{id}/toggle_status`` with ``status``.
    """

    def __init__(self, token: str) -> None:
        super().__init__()
        self.token = token
        self.contacts: dict[str, int] = {}
        self.conversations: dict[int, dict[str, Any]] = {}

    def take(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Reply:  # noqa: PLR0911, one a route
        super().take(method, path, headers, body)
        if headers.get("api_access_token") != self.token:
            return 401, {"error": "Invalid Access Token"}
        data, parts = json.loads(body), path.removeprefix("/api/v1/accounts/1/").split("/")
        match parts:
            case ["contacts"]:
                if data["identifier"] in self.contacts:
                    return 422, {"message": "Identifier has already been taken"}
                number = self.contacts.setdefault(data["identifier"], len(self.contacts) + 1)
                made = {"contact": {"id": number}, "contact_inbox": {"source_id": f"s-{number}"}}
                return 200, {"payload": made}
            case ["conversations"]:
                number = 40 + len(self.conversations)
                self.conversations[number] = {"status": data["status"], "messages": []}
                return 200, {"id": number, "account_id": 1, "inbox_id": data["inbox_id"]}
            case ["conversations", number, "messages"]:
                kind = "note" if data["private"] else data["message_type"]
                self.conversations[int(number)]["messages"].append((kind, data["content"]))
                return 200, {"id": 1}
            case ["conversations", number, "toggle_status"]:
                self.conversations[int(number)]["status"] = data["status"]
                return 200, {"payload": {"success": True, "current_status": data["status"]}}
        return 404, {"error": "Resource could not be found"}


def sign_chatwoot_event(
    event: dict[str, Any], secret: str, now: int
) -> tuple[bytes, dict[str, str]]:
    """Write a webhook as Chatwoot would send it."""
    body = json.dumps(event).encode()
    signed = hmac.new(secret.encode(), f"{now}.".encode() + body, hashlib.sha256)
    return body, {
        "x-chatwoot-timestamp": str(now),
        "x-chatwoot-signature": f"sha256={signed.hexdigest()}",
    }


@contextlib.contextmanager
def running_system(system: OutsideSystem) -> Iterator[None]:
    thread = threading.Thread(target=system.server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        system.server.shutdown()
        system.server.server_close()
        thread.join()


class MailSink:
    """Takes mails that are sent to it, as an SMTP server does, and keeps them."""

    def __init__(self) -> None:
        self.mails: list[tuple[str, list[str], bytes]] = []
        self.refusals = 0

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802, aiosmtpd's name
        if self.refusals > 0:
            self.refusals -= 1
            return "451 Requested action aborted: local error in processing"
        self.mails.append((envelope.mail_from, envelope.rcpt_tos, envelope.content))
        return "250 Message accepted for delivery"


@contextlib.contextmanager
def mail_server(
    sink: MailSink, folder: Path, password: str
) -> Iterator[tuple[int, ssl.SSLContext]]:
    """Run an SMTP server with STARTTLS and a login; gives its port and whom a client must trust."""
    certificate, key = write_certificate(folder)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)

    def check(_server: Any, _session: Any, _envelope: Any, _how: str, data: Any) -> AuthResult:
        known = isinstance(data, LoginPassword) and data.password == password.encode()
        return AuthResult(success=known)

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        number = free.getsockname()[1]
    controller = Controller(
        sink,
        hostname="127.0.0.1",
        port=number,
        tls_context=context,
        require_starttls=True,
        auth_required=True,
        authenticator=check,
    )
    controller.start()
    try:
        yield number, ssl.create_default_context(cafile=str(certificate))
    finally:
        controller.stop()


@contextlib.contextmanager
def strange_mail_server(folder: Path) -> Iterator[int]:
    """Run a server that offers STARTTLS with a certificate that nobody trusts; gives its port."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*write_certificate(folder))

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(b"220 localhost\r\n")
            self.rfile.readline()
            self.wfile.write(b"250-localhost\r\n250 STARTTLS\r\n")
            self.rfile.readline()
            self.wfile.write(b"220 Ready\r\n")
            with (
                contextlib.suppress(OSError),
                context.wrap_socket(self.connection, server_side=True),
            ):
                pass

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def write_certificate(folder: Path, host: str = "localhost") -> tuple[Path, Path]:
    """Write a certificate of a host, signed by itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    files = folder / "server.pem", folder / "server.key"
    files[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    form = serialization.PrivateFormat.PKCS8
    files[1].write_bytes(key.private_bytes(serialization.Encoding.PEM, form, plain))
    return files
