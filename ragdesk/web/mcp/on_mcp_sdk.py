"""The protocol itself, by the official MCP SDK: over one HTTP exchange, or standard streams.

Over HTTP nothing is kept between two requests: each brings its key, and there is no session that
could outlive it. A reply is one JSON body.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

import ragdesk
from ragdesk.errors import SettingsError
from ragdesk.web.mcp.desk_tools import ToolCaller
from ragdesk.web.mcp.tool_table import (
    DESK_TOOLS,
    SERVER_INSTRUCTIONS,
    call_tool,
    find_tool,
    list_tool_schemas,
)

try:
    import mcp_types
    from mcp.server.lowlevel import Server
    from mcp.server.stdio import stdio_server
    from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
    from mcp.shared.exceptions import MCPError
except ModuleNotFoundError as error:
    raise SettingsError(
        "The Model Context Protocol needs its library, which is not installed: "
        "pip install 'ragdesk[mcp]'"
    ) from error

FindCaller = Callable[[], Awaitable[ToolCaller]]
logging.getLogger("mcp").setLevel(logging.WARNING)  # it writes two lines a request otherwise


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpReply:
    """What the protocol answers to one HTTP request."""

    status: int
    headers: dict[str, str]
    body: bytes


def make_protocol_server(find_caller: FindCaller) -> Any:
    """Make a server of the tools. find_caller: who calls, asked at each call."""

    async def list_tools(_context: Any, _params: Any) -> Any:
        return mcp_types.ListToolsResult(tools=[_describe_tool(tool.name) for tool in DESK_TOOLS])

    async def run_tool(_context: Any, params: Any) -> Any:
        tool = find_tool(params.name)
        if tool is None:
            raise MCPError(code=mcp_types.INVALID_PARAMS, message="There is no such tool.")
        reply = await call_tool(tool, find_caller, params.arguments)
        return mcp_types.CallToolResult(
            content=[mcp_types.TextContent(type="text", text=reply.text)],
            structured_content=reply.data,
            is_error=reply.data is None,
        )

    return Server(
        "ragdesk",
        version=ragdesk.__version__,
        title="ragdesk",
        instructions=SERVER_INSTRUCTIONS,
        on_list_tools=list_tools,
        on_call_tool=run_tool,
    )


async def exchange_message(
    find_caller: FindCaller, scope: MutableMapping[str, Any], body: bytes
) -> HttpReply:
    """Answer one HTTP request whose body was read. Cancelled, it ends what it began."""
    manager = StreamableHTTPSessionManager(
        make_protocol_server(find_caller), json_response=True, stateless=True
    )
    waiting = [{"type": "http.request", "body": body, "more_body": False}]
    messages: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        if waiting:
            return waiting.pop()
        await asyncio.Event().wait()  # whoever called this sees the client leave, and cancels
        raise AssertionError

    async def send(message: MutableMapping[str, Any]) -> None:
        messages.append(message)

    async with manager.run():
        await manager.handle_request({**scope}, receive, send)
    start = next(message for message in messages if message["type"] == "http.response.start")
    pieces = [m.get("body", b"") for m in messages if m["type"] == "http.response.body"]
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in start["headers"]}
    return HttpReply(status=start["status"], headers=headers, body=b"".join(pieces))


async def serve_standard_streams(find_caller: FindCaller) -> None:
    """Serve one client over standard input and output, until it closes them.

    Meanwhile what anybody prints goes to standard error: the output carries the protocol alone.
    """
    server = make_protocol_server(find_caller)
    async with stdio_server() as (reading, writing):
        await server.run(reading, writing, server.create_initialization_options())


def _describe_tool(name: str) -> Any:
    tool = find_tool(name)
    if tool is None:
        raise AssertionError(name)
    takes, gives = list_tool_schemas(name)
    return mcp_types.Tool(
        name=tool.name,
        title=tool.title,
        description=tool.description,
        input_schema=takes,
        output_schema=gives,
        annotations=mcp_types.ToolAnnotations(
            read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False
        ),
    )
