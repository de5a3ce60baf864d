"""The language model's connections: what was ended with words is not used again."""

import asyncio

import httpx

from ragdesk.answering.writing.llm_connections import BoundedTransport

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
LATE = b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\n\r\n"


def test_a_connection_that_a_proxy_ended_with_a_status_is_not_used_again():
    async def statuses() -> list[int]:
        met: list[asyncio.Event] = []
        closed: asyncio.Queue[None] = asyncio.Queue()

        async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            ended = asyncio.Event()
            met.append(ended)
            try:
                await reader.readuntil(b"\r\n\r\n")
                writer.write(ANSWER)
                await asyncio.sleep(0.05)  # the answer is read; now the connection is only kept
                writer.write(LATE)
                await writer.drain()
                ended.set()
                await reader.read()
            finally:
                writer.close()
                closed.put_nowait(None)

        server = await asyncio.start_server(meet, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        found = []
        async with server, httpx.AsyncClient(transport=BoundedTransport(httpx.Limits())) as client:
            for _ in range(2):
                found.append((await client.get(url)).status_code)
                await met[-1].wait()
                await asyncio.sleep(0.05)
        assert len(met) == 2
        for _ in met:
            await closed.get()
        return found

    assert asyncio.run(statuses()) == [200, 200]
