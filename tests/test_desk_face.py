"""``open_desk``: what a Python program asks, waits for, leaves and closes."""

import asyncio
import shutil
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes import document
from web_home import CANARY, REFUNDS, SECRET

import ragdesk
from indexes.build import Build
from indexes.embedding.embedder import EmbedOptions, open_embedder
from indexes.errors import IndexNotFound
from ragdesk import open_desk
from ragdesk.answering.answer import ClaimChecked, Done, Outcome, PassagesReady, TextDelta, Turn
from ragdesk.errors import Invalid, SettingsError, WrongState
from ragdesk.open_collection import OpenCollection
from ragdesk.settings import Settings

REFUND = "When does a refund reach a bank account?"
CELLAR = "What is the canary password of the cellar?"
ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Path:
    """Publish a collection that is found by its words alone: no model is loaded for it."""
    home = tmp_path_factory.mktemp("face")
    words_alone = open_embedder(EmbedOptions(model="none"), cache)
    (home / "collections").mkdir()
    with Build(home / "collections" / "default", words_alone) as build:
        build.add(*document("refunds.md", REFUNDS, title="Refunds"))
        build.add(*document("manuals/cup.md", "A refund of a cup takes 9 days.\n", title="Cup"))
        build.add(*document(SECRET, CANARY, title="Secrets", groups=frozenset({"staff"})))
        build.publish()
    return home


@pytest.fixture
def closings(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Note each collection that is closed."""
    closed: list[str] = []
    close = OpenCollection.close

    def note_and_close(opened: OpenCollection) -> None:
        closed.append(opened.collection)
        close(opened)

    monkeypatch.setattr(OpenCollection, "close", note_and_close)
    return closed


def test_importing_ragdesk_loads_none_of_its_rooms():
    program = "import sys, ragdesk; print(sorted({'numpy', 'pydantic', 'fastapi'} & set(sys.modules)), ragdesk.__all__)"
    done = subprocess.run(  # noqa: S603 - the line above
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.strip() == "[] ['__version__', 'open_desk']"
    with pytest.raises(AttributeError, match="no attribute 'open_desks'"):
        ragdesk.open_desks  # noqa: B018 - that is what is asked
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert ragdesk.__version__ == project["version"]


def test_a_desk_asks_searches_and_streams(home):
    async def use() -> None:
        async with open_desk(home) as desk:
            answer = await desk.ask(REFUND)
            assert answer.outcome is Outcome.ANSWERED
            assert (desk.collection, desk.generation) == ("default", answer.generation)
            (best,) = await desk.search("refund", top_k=1)
            assert best.rank == 1
            events = [event async for event in desk.stream(REFUND)]
            kinds = [type(event) for event in events]
            assert kinds == [PassagesReady, TextDelta, ClaimChecked, Done]
            assert events[-1].answer.text == answer.text
            several = await asyncio.gather(*(desk.ask(REFUND) for _ in range(5)))
            assert {one.text for one in several} == {answer.text}

    asyncio.run(use())


def test_code_that_blocks_gets_the_same_answers(home):
    with open_desk(home) as desk:
        answer = desk.ask(REFUND)
        assert answer.outcome is Outcome.ANSWERED
        assert [event.event_name for event in desk.stream(REFUND)][-1] == "done"
        assert len(desk.search("refund", top_k=1)) == 1
        assert (desk.collection, desk.generation) == ("default", 1)
        texts: list[str] = []
        threads = [
            threading.Thread(target=lambda: texts.append(desk.ask(REFUND).text)) for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert texts == [answer.text] * 4
    assert not [thread for thread in threading.enumerate() if thread.name == "ragdesk-desk"]


def test_it_works_beside_a_running_loop(home):
    """As in a notebook, whose cells run inside one."""

    async def cell() -> str:
        with open_desk(home) as desk:
            return desk.ask(REFUND).text

    assert "5 working days" in asyncio.run(cell())


def test_without_groups_only_what_everybody_may_see_is_looked_through(home):
    with open_desk(home) as desk:
        assert desk.ask(CELLAR).outcome is not Outcome.ANSWERED
        assert SECRET not in {passage.uri for passage in desk.search(CELLAR)}
        assert SECRET not in {passage.uri for passage in desk.search(CELLAR, groups=["sales"])}
        for rights in ({"groups": ["staff"]}, {"all_documents": True}):
            assert desk.search(CELLAR, **rights)[0].uri == SECRET
            assert "xylophone" in desk.ask(CELLAR, **rights).text
        for wrong in ({"groups": "staff"}, {"groups": None}, {"uris": "a"}, {"paths": "a"}):
            with pytest.raises(Invalid, match="list of names"):
                desk.ask(CELLAR, **wrong)
        with pytest.raises(Invalid, match="all documents"):
            desk.ask(CELLAR, groups=["staff"], all_documents=True)


def test_it_looks_where_it_is_told_to(home):
    with open_desk(home) as desk:
        found = desk.search("refund", paths=["manuals/"])
        assert {passage.uri for passage in found} == {"manuals/cup.md"}
        assert {p.uri for p in desk.search("refund", uris=["refunds.md"])} == {"refunds.md"}


def test_history_makes_a_follow_up_clear(home):
    with open_desk(home) as desk:
        told = [{"role": "user", "text": "What about a refund to my bank account?"}]
        turns = [Turn(role="user", text="What about a refund to my bank account?")]
        follow_up = "And how long does it take?"
        alone, clear, typed = (
            desk.ask(follow_up, history=history).text for history in ([], told, turns)
        )
        assert "5 working days" in clear
        assert typed == clear != alone
        for wrong in ([{"role": "system", "text": "x"}], [{"role": "user"}], [{}]):
            with pytest.raises(Invalid, match="A turn is"):
                desk.ask(follow_up, history=wrong)
        assert desk.ask(REFUND, explain=True).signals


@pytest.mark.parametrize("question", ["", " \n", "a\0b", "\ud800", "x" * 2_001])
def test_what_is_no_question_is_refused(home, question):
    with open_desk(home) as desk:
        for call in (desk.ask, desk.search, lambda text: list(desk.stream(text))):
            with pytest.raises(Invalid):
                call(question)
        with pytest.raises(Invalid):
            desk.search("refund", top_k=0)


def test_settings_are_those_of_the_file_or_given(home, tmp_path):
    with open_desk(home, settings={"serve.max_question": 5}) as desk, pytest.raises(Invalid):
        desk.ask(REFUND)
    with open_desk(str(home), settings=Settings()) as desk:
        assert desk.ask(REFUND).outcome is Outcome.ANSWERED
    file = tmp_path / "own.toml"
    file.write_text("[serve]\nmax_question = 5\n")
    with open_desk(home, config=file) as desk, pytest.raises(Invalid):
        desk.ask(REFUND)
    with (
        pytest.raises(SettingsError, match="max_question"),
        open_desk(home, settings={"serve.max_questions": 5}),
    ):
        raise AssertionError("a misspelt name is refused")  # fmt: skip


def test_what_is_not_there_is_said_before_anything_is_asked(home, tmp_path):
    with pytest.raises(IndexNotFound, match="There is default"), open_desk(home, "absent"):
        raise AssertionError("nothing was opened")

    async def use() -> None:
        async with open_desk(tmp_path):
            raise AssertionError("nothing was opened")

    with pytest.raises(IndexNotFound):
        asyncio.run(use())
    assert not [thread for thread in threading.enumerate() if thread.name == "ragdesk-desk"]


def test_a_closed_desk_answers_no_more(home, closings):
    opening = open_desk(home)
    with opening as desk:
        with pytest.raises(WrongState, match="open already"):
            opening.__enter__()
        begun = desk.stream(REFUND)
        assert isinstance(next(begun), PassagesReady)
    assert closings == ["default"]
    for late in (desk.ask, desk.search, lambda text: list(desk.stream(text))):
        with pytest.raises(WrongState, match="closed"):
            late(REFUND)
    begun.close()
    desk.close()
    assert closings == ["default"]


def test_closing_waits_for_answers_and_ends_streams_that_nobody_reads_on(home, closings):
    async def use() -> None:
        async with open_desk(home) as desk:
            left = desk.stream(REFUND)
            await anext(left)
            asking = [asyncio.create_task(desk.ask(REFUND)) for _ in range(3)]
            await asyncio.sleep(0)
        assert closings == ["default"]
        assert {(await one).outcome for one in asking} == {Outcome.ANSWERED}
        with pytest.raises(WrongState):
            await anext(left)
        with pytest.raises(WrongState):
            await desk.ask(REFUND)

    asyncio.run(use())


def test_who_leaves_a_stream_leaves_nothing_behind(home, closings):
    async def use() -> None:
        async with open_desk(home) as desk:
            async for event in desk.stream(REFUND):
                if isinstance(event, TextDelta):
                    break
            task = asyncio.create_task(desk.ask(REFUND))
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert (await desk.ask(REFUND)).outcome is Outcome.ANSWERED

    asyncio.run(use())
    with open_desk(home) as desk:
        for event in desk.stream(REFUND):
            if isinstance(event, TextDelta):
                break
        assert desk.ask(REFUND).outcome is Outcome.ANSWERED
    assert closings == ["default"] * 2


def test_who_leaves_while_it_opens_leaves_nothing_open(home, closings, monkeypatch):
    opened, go = asyncio.Event(), threading.Event()

    async def use() -> None:
        loop = asyncio.get_running_loop()
        find = ragdesk.assemble.Workspace.open_collection

        def open_slowly(workspace, collection):
            loop.call_soon_threadsafe(opened.set)
            go.wait(20)
            return find(workspace, collection)

        monkeypatch.setattr(ragdesk.assemble.Workspace, "open_collection", open_slowly)
        opening = asyncio.create_task(open_desk(home).open())
        await opened.wait()
        opening.cancel()
        await asyncio.sleep(0)
        go.set()
        with pytest.raises(asyncio.CancelledError):
            await opening

    asyncio.run(use())
    assert closings == ["default"]


def test_a_new_generation_is_answered_by_a_desk_that_is_opened_anew(home, tmp_path, cache):
    own = shutil.copytree(home, tmp_path / "home")
    with open_desk(own) as desk:
        with Build(
            own / "collections" / "default", open_embedder(EmbedOptions(model="none"), cache)
        ) as build:
            build.add(*document("refunds.md", "A refund takes 77 days.\n", title="Refunds"))
            build.publish()
        assert "5 working days" in desk.ask(REFUND).text
        assert desk.generation == 1
    with open_desk(own) as desk:
        assert desk.generation == 2
