"""nginx and Caddy as Debian packages them, with the examples that ragdesk comes with."""

import contextlib
import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from engines import free_port

DEPLOY = Path(__file__).parents[1] / "ragdesk" / "deploy"
NGINX = shutil.which("nginx") or "/usr/sbin/nginx"
CADDY = shutil.which("caddy") or "/usr/bin/caddy"
MAIN = """daemon off;
worker_processes 2;
pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
events {{ worker_connections 1024; }}
http {{
    access_log {folder}/access.log;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/ragdesk.conf;
}}
"""


@contextlib.contextmanager
def run_nginx(folder: Path, replicas: Sequence[int]) -> Iterator[str]:
    """Run nginx with our example before replicas on these ports; gives the address of the desk."""
    port = free_port()
    key, certificate = _make_certificate(folder)
    text = (DEPLOY / "nginx.conf").read_text()
    text = text.replace("listen 443 ssl;", f"listen 127.0.0.1:{port} ssl;")
    text = text.replace("/etc/ssl/private/example.com.key", str(key))
    text = text.replace("/etc/ssl/certs/example.com.pem", str(certificate))
    line = re.compile(r"    server 127\.0\.0\.1:\d+ (.*;)\n")
    rules = line.findall(text)[0]
    servers = "".join(f"    server 127.0.0.1:{one} {rules}\n" for one in replicas)
    text = line.sub("", text, count=1)
    text = line.sub(lambda _: servers, text, count=1)
    (folder / "ragdesk.conf").write_text(text)
    (folder / "nginx.conf").write_text(MAIN.format(folder=folder))
    folder.chmod(0o755)
    command = [NGINX, "-p", str(folder), "-c", str(folder / "nginx.conf")]
    with _run(command, port):
        yield f"https://127.0.0.1:{port}/help"


@contextlib.contextmanager
def run_caddy(folder: Path, replicas: Sequence[int]) -> Iterator[str]:
    """Run Caddy with our example, without TLS; gives the address of the desk."""
    port = free_port()
    text = (DEPLOY / "Caddyfile").read_text()
    text = text.replace("example.com {", f"http://127.0.0.1:{port} {{")
    text = text.replace(
        "127.0.0.1:8080 127.0.0.1:8081", " ".join(f"127.0.0.1:{one}" for one in replicas)
    )
    file = folder / "Caddyfile"
    file.write_text("{\n\tadmin off\n\tauto_https off\n}\n" + text)
    command = [CADDY, "run", "--adapter", "caddyfile", "--config", str(file)]
    places = {"XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder), "HOME": str(folder)}
    with _run(command, port, places):
        yield f"http://127.0.0.1:{port}/help"


@contextlib.contextmanager
def _run(command: list[str], port: int, places: dict[str, str] | None = None) -> Iterator[None]:
    process = subprocess.Popen(  # noqa: S603, a program of a package
        command, env={**os.environ, **(places or {})}, stderr=subprocess.DEVNULL
    )
    try:
        until = time.monotonic() + 20
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            assert process.poll() is None, f"{command[0]} did not start"
            assert time.monotonic() < until
            time.sleep(0.05)
        yield
    finally:
        process.terminate()  # nginx ends its workers with it
        try:
            process.wait(3)
        except subprocess.TimeoutExpired:  # Caddy waits for those who follow a conversation
            process.kill()
            process.wait(20)


def _make_certificate(folder: Path) -> tuple[Path, Path]:
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    more = ["-subj", "/CN=127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*command, *more], check=True, capture_output=True)  # noqa: S603
    return key, certificate
