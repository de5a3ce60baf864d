"""Targets to ask: a ragdesk server, an HTTP JSON endpoint with a mapping file, a callable.

A mapping file says in a few lines where a rival's reply keeps its text, passages and citations,
so that it is measured by the same ruler. What they send is foreign: its size and time are bounded,
it is taken as it is (no content coding), and no reply sends us elsewhere.
"""

import re
import time
import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol, Self
from urllib.parse import quote

import httpx
from pydantic_core import from_json

from eval.case import Case, list_turns
from eval.errors import BadTarget, NoAnswer

Json = Mapping[str, Any]
TRIES = 3
PAUSE = 0.5
LARGEST_REPLY = 32 << 20  # bytes: an answer with its passages has some 100 KB
LARGEST_TEXT = 256 << 20  # bytes of a document's stored text
PLAIN = {"Accept-Encoding": "identity"}
_AGAIN = {429, 503}
_VARIABLE = re.compile(r"\$\{(\w+)\}")
_WHOLE = re.compile(r"\{(question|history|messages|id|lang)\}")
_PASSAGE = {"text": "text", "uri": "uri", "start": "start", "end": "end", "page": "page"}
_CITATION = {**_PASSAGE, "number": "number", "quote": "quote"}


class Target(Protocol):
    """An engine that can be asked. facts: stored with a run; the name is among them."""

    @property
    def facts(self) -> Json: ...
    def ask(self, case: Case) -> Json: ...
    def text(self, uri: str, generation: int | None = None) -> str | None: ...
    @property
    def readable(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class CallableTarget:
    """A callable as a target: takes a case, returns an answer in ragdesk's form."""

    call: Callable[[Case], Json]
    facts: Json = field(default_factory=lambda: {"name": "callable"})
    texts: Callable[[str], str | None] | None = None

    @property
    def readable(self) -> bool:
        """Tell whether its documents can be read."""
        return self.texts is not None

    def ask(self, case: Case) -> Json:
        """Call the callable with a case."""
        return self.call(case)

    def text(self, uri: str, generation: int | None = None) -> str | None:
        """Return a document's text."""
        del generation
        return self.texts(uri) if self.texts else None


class _HttpTarget:
    """Keeps connections until it is closed."""

    _http: httpx.Client

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()


class RagdeskTarget(_HttpTarget):
    """A ragdesk server. key: sent as a bearer token where it is not empty."""

    def __init__(self, url: str, collection: str, *, key: str = "", timeout: float = 120.0) -> None:
        headers = {**PLAIN, **({"Authorization": f"Bearer {key}"} if key else {})}
        self._timeout = timeout
        self._http = httpx.Client(base_url=url.rstrip("/"), headers=headers, timeout=timeout)
        self._collection = collection
        self._url = url.rstrip("/")
        self._read = lru_cache(maxsize=4096)(self._fetch)
        self.readable = True

    @property
    def facts(self) -> Json:
        """Return the server, the collection and the generation that answers now."""
        request = self._http.build_request("GET", "/v1/collections")
        listed = _send_request(self._http, request, self._timeout).get("collections")
        named = [c for c in listed if isinstance(c, Mapping)] if isinstance(listed, list) else []
        here = next((c for c in named if c.get("name") == self._collection), None)
        if here is None:
            raise BadTarget(f"{self._url} has no collection {self._collection!r}.")
        return {
            "name": f"{self._url} {self._collection}",
            "kind": "ragdesk",
            "generation": here.get("generation"),
        }

    def ask(self, case: Case) -> Json:
        """Ask a case, with its history."""
        body = {
            "question": case.question,
            "collection": self._collection,
            "history": [{"role": role, "text": text} for role, text in list_turns(case)],
            "explain": True,
        }
        request = self._http.build_request("POST", "/v1/answers", json=body)
        return _send_request(self._http, request, self._timeout)

    def text(self, uri: str, generation: int | None = None) -> str | None:
        """Return a document's stored text; None where there is none."""
        return self._read(uri, generation)

    def _fetch(self, uri: str, generation: int | None) -> str | None:
        place = f"/v1/collections/{self._collection}/documents/{quote(uri)}/text"
        params = {} if generation is None else {"generation": generation}
        request = self._http.build_request("GET", place, params=params)
        with _open_reply(self._http, request) as response:
            if response.status_code == httpx.codes.NOT_FOUND:
                return None
            response.raise_for_status()
            return _read_reply(response, LARGEST_TEXT, self._timeout).decode("utf-8")


class MappedTarget(_HttpTarget):
    """Any HTTP endpoint that speaks JSON, described by a mapping file."""

    def __init__(self, file: Path, environ: Mapping[str, str]) -> None:
        mapping = _read_mapping(file)
        self._name = str(mapping.get("name", file.stem))
        self._url = str(mapping["url"])
        self._request: Json = mapping.get("request", {})
        self._reply: Json = mapping["reply"]
        self._passage = {**_PASSAGE, **mapping.get("passage", {})}
        self._citation = {**_CITATION, **mapping.get("citation", {})}
        headers = {
            k: _fill_placeholders(str(v), environ) for k, v in mapping.get("headers", {}).items()
        }
        self._timeout = float(mapping.get("timeout", 120))
        self._http = httpx.Client(headers={**PLAIN, **headers}, timeout=self._timeout)
        self.readable = False

    @property
    def facts(self) -> Json:
        """Return the facts of the endpoint."""
        model = self._request.get("model")
        return {"name": self._name, "kind": "mapped", "url": self._url, "model": model}

    def text(self, uri: str, generation: int | None = None) -> str | None:
        """Return None: only ragdesk serves the texts of its documents."""
        del uri, generation
        return None

    def ask(self, case: Case) -> Json:
        """Ask a case, and convert the reply to ragdesk's form; the raw one is kept beside it."""
        body = _fill_body(self._request, case)
        request = self._http.build_request("POST", self._url, json=body)
        raw = _send_request(self._http, request, self._timeout)
        answer: dict[str, Any] = {"raw": raw}
        for name in ("text", "outcome", "confidence", "seconds", "signals"):
            if name in self._reply:
                answer[name] = _follow_path(raw, str(self._reply[name]))
        if not isinstance(answer.get("text"), str):
            raise NoAnswer(f"no text at {self._reply.get('text')!r} of the reply")
        answer["outcome"] = self._reply.get("outcomes", {}).get(
            str(answer.get("outcome")), answer.get("outcome")
        )
        for name, fields in (("passages", self._passage), ("citations", self._citation)):
            if name in self._reply:
                entries = _follow_path(raw, str(self._reply[name])) or ()
                if not isinstance(entries, list | tuple):
                    raise NoAnswer(f"no list at {self._reply[name]!r} of the reply")
                answer[name] = [
                    _map_fields(entry, fields, at) for at, entry in enumerate(entries, start=1)
                ]
        return answer


def open_target(
    name: str, *, collection: str, key: str, environ: Mapping[str, str]
) -> RagdeskTarget | MappedTarget:
    """Open the target that ``--target`` names: an address or a mapping file. Raises BadTarget."""
    if name.startswith(("http://", "https://")):
        return RagdeskTarget(name, collection, key=key)
    if name.endswith(".toml"):
        return MappedTarget(Path(name), environ)
    raise BadTarget(f"{name!r} is neither an address (http://…) nor a mapping file (….toml).")


def post_json(url: str, body: Json, timeout: float) -> Json:
    """Post JSON, and return the JSON reply. Raises NoAnswer with the reason of a failure."""
    with httpx.Client(headers=PLAIN, timeout=timeout) as http:
        return _send_request(http, http.build_request("POST", url, json=dict(body)), timeout)


def _send_request(http: httpx.Client, request: httpx.Request, timeout: float) -> Json:
    """Send a request, again where the server asks for it; every failure is a NoAnswer."""
    for attempt in range(1, TRIES + 1):
        try:
            with _open_reply(http, request) as response:
                body = _read_reply(response, LARGEST_REPLY, timeout)
                status = response.status_code
        except httpx.HTTPError as error:
            raise NoAnswer(f"{type(error).__name__}: {error}") from error
        if status not in _AGAIN or attempt == TRIES:
            break
        time.sleep(
            min(5.0, float(_retry_seconds(response.headers.get("retry-after"))) or PAUSE * attempt)
        )
    if response.is_redirect:
        raise NoAnswer(f"HTTP {status}: it sends us elsewhere; name its own address")
    if status >= httpx.codes.BAD_REQUEST:
        raise NoAnswer(f"HTTP {status}: {body[:200].decode('utf-8', 'replace')}")
    try:
        content = from_json(body)
    except ValueError as error:
        raise NoAnswer(f"not JSON: {error}") from error
    if not isinstance(content, dict):
        raise NoAnswer("not a JSON object")
    return content


@contextmanager
def _open_reply(http: httpx.Client, request: httpx.Request) -> Iterator[httpx.Response]:
    """Send a request, and open its reply without reading it; no redirect is followed."""
    response = http.send(request, stream=True, follow_redirects=False)
    try:
        yield response
    finally:
        response.close()


def _read_reply(response: httpx.Response, most: int, seconds: float) -> bytes:
    """Read a reply to its end. Raises NoAnswer for one that is encoded, too large or too slow."""
    coding = response.headers.get("content-encoding", "").strip().lower()
    if coding not in {"", "identity"}:
        raise NoAnswer(f"the reply is coded ({coding[:20]}), which was not asked for")
    body = bytearray()
    end = time.monotonic() + seconds
    for chunk in response.iter_raw():
        body += chunk
        if len(body) > most:
            raise NoAnswer(f"the reply is larger than {most >> 20} MiB")
        if time.monotonic() > end:
            raise NoAnswer(f"the reply took longer than {seconds:g} s")
    return bytes(body)


def _retry_seconds(text: str | None) -> float:
    return float(text) if text and text.isascii() and text.isdigit() else 0.0


def _read_mapping(file: Path) -> Json:
    try:
        mapping = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadTarget(f"{file}: {error}") from error
    known = {"name", "url", "timeout", "headers", "request", "reply", "passage", "citation"}
    if odd := sorted(set(mapping) - known):
        raise BadTarget(f"{file}: {odd[0]!r} is not known; known are {', '.join(sorted(known))}.")
    if "url" not in mapping or "text" not in mapping.get("reply", {}):
        raise BadTarget(f"{file} needs url, and in [reply] text: where the answer stands.")
    return mapping


def _fill_placeholders(text: str, environ: Mapping[str, str]) -> str:
    def value(match: re.Match[str]) -> str:
        if match[1] not in environ:
            raise BadTarget(f"The mapping needs the variable {match[1]}, which is not set.")
        return environ[match[1]]

    return _VARIABLE.sub(value, text)


def _fill_body(value: Any, case: Case) -> Any:
    """Fill placeholders in a request; one that stands alone keeps its type (a list of messages)."""
    history = [{"role": role, "content": text} for role, text in list_turns(case)]
    values = {
        "question": case.question,
        "history": history,
        "messages": [*history, {"role": "user", "content": case.question}],
        "id": case.id,
        "lang": case.lang,
    }

    def fill(template: Any) -> Any:
        if isinstance(template, Mapping):
            return {name: fill(inner) for name, inner in template.items()}
        if isinstance(template, list):
            return [fill(inner) for inner in template]
        if not isinstance(template, str):
            return template
        alone = _WHOLE.fullmatch(template)
        return values[alone[1]] if alone else _WHOLE.sub(lambda m: str(values[m[1]]), template)

    return fill(value)


def _follow_path(value: Any, path: str) -> Any:
    """Follow a dotted path through objects and lists; None where it ends early.

    >>> _follow_path({"choices": [{"message": {"content": "Yes."}}]}, "choices.0.message.content")
    'Yes.'
    """
    for step in path.split("."):
        if isinstance(value, Mapping):
            value = value.get(step)
        elif isinstance(value, list) and step.isdigit() and int(step) < len(value):
            value = value[int(step)]
        else:
            return None
    return value


def _map_fields(entry: Any, fields: Mapping[str, str], number: int) -> dict[str, Any]:
    if isinstance(entry, str):  # a passage may be nothing but its text
        return {"text": entry, "quote": entry, "number": number}
    values = {name: _follow_path(entry, path) for name, path in fields.items()}
    facts = {name: value for name, value in values.items() if value is not None}
    return {"number": number, "text": "", **facts}
