"""The official client of the Model Context Protocol, asked from tests that are not asynchronous."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import httpx2
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client

T = TypeVar("T")
SECONDS = 60


def over_http(
    port: int,
    work: Callable[[Client], Awaitable[T]],
    *,
    token: str | None = None,
    headers: dict[str, str] | None = None,
    mode: str = "auto",
) -> T:
    """Connect to /mcp of a server, with a key, and do some work."""

    async def run() -> T:
        shown = {**(headers or {}), **({"Authorization": f"Bearer {token}"} if token else {})}
        async with httpx2.AsyncClient(headers=shown, timeout=SECONDS, trust_env=False) as web:
            transport = streamable_http_client(f"http://127.0.0.1:{port}/mcp", http_client=web)
            async with Client(transport, mode=mode) as client:
                return await work(client)

    return asyncio.run(asyncio.wait_for(run(), SECONDS))


def over_streams(
    command: list[str], environment: dict[str, str], work: Callable[[Client], Awaitable[T]]
) -> T:
    """Start a program that speaks the protocol on its standard streams, and do some work.

    Nothing but the protocol may come out of it.
    """
    odd: list[Exception] = []

    async def note(message: Any) -> None:
        if isinstance(message, Exception):
            odd.append(message)

    async def run() -> T:
        parameters = StdioServerParameters(command=command[0], args=command[1:], env=environment)
        async with Client(stdio_client(parameters), message_handler=note) as client:
            return await work(client)

    done = asyncio.run(asyncio.wait_for(run(), SECONDS))
    assert odd == []
    return done


async def call(client: Client, name: str, **arguments: Any) -> dict[str, Any]:
    """Call a tool that is to succeed; its structured result."""
    result = await client.call_tool(name, arguments)
    assert not result.is_error, result.content
    data: dict[str, Any] = result.structured_content
    return data


async def complaint(client: Client, name: str, **arguments: Any) -> str:
    """Call a tool that is to be refused; what it says."""
    result = await client.call_tool(name, arguments)
    assert result.is_error, result.structured_content
    assert result.structured_content is None
    return str(result.content[0].text)
