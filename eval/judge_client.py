"""Ask a judging model once for each request; keep its raw replies, and replay them offline.

A reply that was cut off, or is not the JSON that was asked for, is an error and no judgement.
"""

import hashlib
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eval.errors import NoAnswer
from eval.targets import Json, post_json

WARM = 0.7


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeOptions:
    """Settings of the judge: which model, and how it is asked.

    url: an OpenAI-compatible server (vLLM), with or without ``/v1``. model, revision: stored with
    every verdict.
    """

    url: str
    model: str
    revision: str = ""
    seed: int = 20261123
    max_tokens: int = 2048
    timeout: float = 300.0


@dataclass(frozen=True, slots=True)
class JudgeClient:
    """Asks a judging model. cache: folder of raw replies. offline: ask nobody, only replay.

    A failure is kept too: offline it is raised again, otherwise the request is sent again.
    """

    options: JudgeOptions
    cache: Path
    offline: bool = False
    post: Callable[[str, Json, float], Json] = post_json

    def __call__(self, body: Json) -> tuple[Json, str]:
        """Return the raw reply to a request, and the request's digest. Raises NoAnswer."""
        key = digest_request(body, self.options)
        file = self.cache / f"{key}.json"
        cached = _read_cache(file)
        if cached and "failed" not in cached:
            return cached, key
        if self.offline:
            raise NoAnswer(cached["failed"] if cached else "not judged before, and nobody is asked")
        address = self.options.url.rstrip("/").removesuffix("/v1")
        try:
            raw = self.post(f"{address}/v1/chat/completions", body, self.options.timeout)
        except NoAnswer as error:
            # A replay gives the same failure; the next run asks again.
            _write_cache(file, {"failed": str(error)})
            raise
        _write_cache(file, raw)
        return raw, key

    def facts(self) -> dict[str, Any]:
        """Return the facts that identify the judge."""
        options = self.options
        return {"model": options.model, "revision": options.revision, "seed": options.seed}


def write_model_request(
    options: JudgeOptions, messages: tuple[str, str], schema: tuple[str, Json], vote: int = 0
) -> dict[str, Any]:
    """Write a request held to a JSON schema.

    messages: what the system and the user say. schema: its name and itself. vote: the first is
    asked at temperature 0; further ones with another seed and warm, or all votes would be one.
    """
    system, user = messages
    name, shape = schema
    return {
        "model": options.model,
        "messages": [{"role": "system", "content": system}, {"role": "user", "content": user}],
        "temperature": WARM if vote else 0,
        "seed": options.seed + vote,
        "max_tokens": options.max_tokens,
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": name, "schema": dict(shape)},
        },
    }


def write_closed_schema(properties: Json) -> dict[str, Any]:
    """Write the schema of an object that has just these properties, all of them required."""
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties),
        "additionalProperties": False,
    }


def digest_request(body: Json, options: JudgeOptions) -> str:
    """Return a digest of a request's content and the model's revision."""
    text = json.dumps([body, options.revision], ensure_ascii=False, sort_keys=True)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def read_model_json(raw: Json) -> dict[str, Any]:
    """Read the JSON that a model wrote. Raises NoAnswer where it was cut or is no object."""
    try:
        choice = raw["choices"][0]
        if choice.get("finish_reason") != "stop":
            raise NoAnswer(f"the judge's reply was cut ({choice.get('finish_reason')})")
        content = json.loads(choice["message"]["content"])
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, RecursionError) as error:
        why = f"{type(error).__name__}: {error}"
        raise NoAnswer(f"the judge's reply is not what was asked for ({why})") from error
    if not isinstance(content, dict):
        raise NoAnswer("the judge's reply is not what was asked for (no JSON object)")
    return content


def read_mark(values: Json, name: str) -> int:
    """Read a mark from 1 to 5. Raises NoAnswer."""
    mark = values.get(name)
    if not isinstance(mark, int) or isinstance(mark, bool) or not 1 <= mark <= 5:  # noqa: PLR2004
        raise NoAnswer(f"the judge gave {mark!r} for {name}, which is no mark from 1 to 5")
    return mark


def _read_cache(file: Path) -> Json | None:
    """Read a kept reply; None where there is none. Raises NoAnswer naming a damaged file."""
    if not file.exists():
        return None
    try:
        reply: Json = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise NoAnswer(f"{file.name} is damaged ({error}). Delete it to ask again") from error
    return reply


def _write_cache(file: Path, raw: Json) -> None:
    """Write a reply whole or not at all: equal requests may run at the same time."""
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_suffix(f".{threading.get_ident()}.part")
    part.write_text(json.dumps(raw, ensure_ascii=False, sort_keys=True), encoding="utf-8")
    part.replace(file)
