"""A small OpenID Connect provider, run as a process of its own: code flow with PKCE, RS256.

What goes wrong is asked for in the address that a browser is sent to: ``fault=wrong_nonce``.
``python oidc_provider.py`` writes its issuer to standard output.
"""

import base64
import contextlib
import hashlib
import json
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import KeySet, OctKey, RSAKey

CLIENT, CLIENT_SECRET = "desk", "s" * 32
REDIRECT = "http://localhost:8080/v1/oidc/callback"
KEY, FOREIGN_KEY = (RSAKey.generate_key(2048, {"kid": "first", "use": "sig"}) for _ in range(2))


class Provider(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.issuer = f"http://127.0.0.1:{self.server_port}"
        self.codes: dict[str, dict[str, str]] = {}

    def make_token(self, request: dict[str, str]) -> str:
        """Sign what the provider says of somebody, with the fault that was asked for."""
        fault, now = request.get("fault", ""), int(time.time())
        claims: dict[str, Any] = {
            "iss": self.issuer,
            "sub": request.get("sub", "u1"),
            "aud": CLIENT,
            "iat": now,
            "exp": now + 300,
            "nonce": request["nonce"],
            "name": "Mia Meier",
            "groups": request.get("groups", "support").split(","),
        }
        claims |= {
            "wrong_nonce": {"nonce": "another"},
            "wrong_audience": {"aud": "another"},
            "foreign_azp": {"aud": [CLIENT, "another"], "azp": "another"},
            "expired": {"iat": now - 7_200, "exp": now - 3_600},
            "future": {"iat": now + 3_600, "exp": now + 7_200},
            "foreign_issuer": {"iss": "https://evil.example"},
            "no_groups": {"groups": None},
            "numbers": {"groups": [1, {"support": 1}]},
        }.get(fault, {})
        for name in {"no_nonce": ["nonce"], "no_subject": ["sub"], "no_end": ["exp"]}.get(
            fault, []
        ):
            del claims[name]
        if fault == "alg_none":
            head, body = ({"alg": "none", "typ": "JWT"}, claims)
            return ".".join([_encode(head), _encode(body), ""])
        if fault == "shared_secret":  # signed with what everybody can read
            public = KEY.as_pem(private=False)
            return jwt.encode(
                {"alg": "HS256", "kid": "first"},
                claims,
                OctKey.import_key(base64.b64encode(public).decode()),
                algorithms=["HS256"],
            )
        kid = "another" if fault == "unknown_key" else "first"
        key = FOREIGN_KEY if fault in {"foreign_key", "unknown_key"} else KEY
        return jwt.encode({"alg": "RS256", "kid": kid}, claims, key)


class Handler(BaseHTTPRequestHandler):
    server: Provider

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = dict(parse_qsl(parts.query))
        issuer = self.server.issuer
        if parts.path == "/.well-known/openid-configuration":
            names = {"authorization": "authorize", "token": "token"}
            endpoints = {f"{name}_endpoint": f"{issuer}/{path}" for name, path in names.items()}
            return self.answer(200, {"issuer": issuer, "jwks_uri": f"{issuer}/jwks", **endpoints})
        if parts.path == "/jwks":
            return self.answer(200, KeySet([KEY]).as_dict(private=False))
        wanted = {
            "client_id": CLIENT,
            "redirect_uri": REDIRECT,
            "response_type": "code",
            "code_challenge_method": "S256",
        }
        if parts.path != "/authorize" or not wanted.items() <= query.items():
            return self.answer(400, {"error": "invalid_request"})
        reply = {"state": query["state"]}
        if query.get("fault") == "denied":
            reply["error"] = "access_denied"
        else:
            reply["code"] = secrets.token_urlsafe()
            self.server.codes[reply["code"]] = query
        if query.get("fault") == "mixed_up":
            reply["iss"] = "https://evil.example"
        self.send_response(302)
        self.send_header("Location", f"{REDIRECT}?{urlencode(reply)}")
        self.send_header("Content-Length", "0")
        self.end_headers()
        return None

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        form = dict(parse_qsl(body.decode()))
        basic = base64.b64encode(f"{CLIENT}:{CLIENT_SECRET}".encode()).decode()
        if self.headers.get("authorization") != f"Basic {basic}":
            return self.answer(401, {"error": "invalid_client"})
        request = self.server.codes.pop(form.get("code", ""), None)  # a code is good once
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        known = request is not None and request["code_challenge"] == challenge
        if request is None or not known or form.get("redirect_uri") != REDIRECT:
            return self.answer(400, {"error": "invalid_grant"})
        tokens = {"access_token": "a", "token_type": "Bearer", "expires_in": 300}
        if request.get("fault") != "no_token":
            tokens["id_token"] = self.server.make_token(request)
        return self.answer(200, tokens)

    def answer(self, status: int, value: dict[str, Any]) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args: object) -> None:
        """Write nothing."""


def _encode(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


@contextlib.contextmanager
def run_provider() -> Iterator[str]:
    """Run a provider until the end of the block; gives its issuer."""
    process = subprocess.Popen([sys.executable, __file__], stdout=subprocess.PIPE, text=True)  # noqa: S603
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait(timeout=10)
        process.stdout.close()


if __name__ == "__main__":
    provider = Provider()
    sys.stdout.write(f"{provider.issuer}\n")
    sys.stdout.flush()
    provider.serve_forever()
