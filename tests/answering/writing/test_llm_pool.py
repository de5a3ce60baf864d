"""Several servers of one model: who has read the beginning is asked, while it is up and free."""

import asyncio
from collections import Counter
from contextlib import ExitStack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragdesk.answering.writing.llm_pool import LOAD_BOUND, LlmPool, rank_servers
from ragdesk.errors import EngineFailed

URLS = [f"http://10.0.0.{n}:8000/v1" for n in range(4)]
TALKS = [f"talk-{n}" for n in range(400)]


async def healthy(_: str) -> bool:
    return True


def pool(urls: list[str] = URLS) -> LlmPool:
    return LlmPool(urls, trips=1, rest=60, probe=healthy)


def test_a_conversation_stays_where_it_was_and_all_are_spread():
    servers = pool()
    homes = {talk: servers.choose_server(affinity=talk).url for talk in TALKS}
    for _ in range(3):
        servers.note_success(servers.choose_server(affinity="talk-1"))  # no turn-taking
    assert homes == {talk: pool().choose_server(affinity=talk).url for talk in TALKS}
    share = Counter(homes.values())
    assert len(share) == len(URLS)
    assert max(share.values()) < 2 * min(share.values())


def test_a_server_that_comes_or_goes_moves_its_own_conversations_alone():
    before = {talk: pool().choose_server(affinity=talk).url for talk in TALKS}
    after = {talk: pool(URLS[1:]).choose_server(affinity=talk).url for talk in TALKS}
    moved = {talk for talk in TALKS if before[talk] != after[talk]}
    assert moved == {talk for talk in TALKS if before[talk] == URLS[0]}


@given(st.lists(st.sampled_from(["a", "b", "c"]), max_size=60), st.integers(1, 4))
def test_no_server_has_much_more_to_do_than_the_others(asked, count):
    servers = pool(URLS[:count])
    with ExitStack() as requests:
        for number, affinity in enumerate(asked, start=1):
            requests.enter_context(servers.choose_server(affinity=affinity).track_request())
            most = max(server.active for server in servers.servers)
            assert most <= LOAD_BOUND * number / count + 1


def test_without_a_beginning_the_least_busy_is_asked():
    servers = pool()
    with ExitStack() as requests:
        for _ in range(8):
            requests.enter_context(servers.choose_server().track_request())
        assert [server.active for server in servers.servers] == [2, 2, 2, 2]


@pytest.mark.parametrize("fault", ["resting", "paused", "avoided", "busy"])
def test_the_next_one_is_asked_while_the_first_cannot_and_then_the_first_again(fault):
    async def run() -> None:
        servers = pool()
        first = servers.choose_server(affinity="talk")
        ranks = rank_servers(URLS, "talk")
        avoid: tuple[str, ...] = ()
        with ExitStack() as requests:
            if fault == "resting":
                servers.note_failure(first)
            elif fault == "paused":
                first.pause(30)
            elif fault == "avoided":
                avoid = (first.url,)
            else:
                for _ in range(2):
                    requests.enter_context(first.track_request())
            second = servers.choose_server(avoid, "talk")
            assert (ranks[first.url], ranks[second.url]) == (0, 1)
        first.resting, first.paused_until = False, 0.0
        assert servers.choose_server(affinity="talk") is first
        await servers.close()

    asyncio.run(run())


def test_none_that_is_up_is_an_error_whatever_was_read():
    async def run() -> None:
        servers = pool(URLS[:1])
        servers.note_failure(servers.servers[0])
        with pytest.raises(EngineFailed, match="being watched"):
            servers.choose_server(affinity="talk")
        await servers.close()

    asyncio.run(run())
