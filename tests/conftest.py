"""What holds for every test, and what is too dear to make for each."""

import gc
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from asked_desk import AskedDesk
from hypothesis import settings
from postgresql_process import find_programs, run_postgresql

from indexes.embedding.embedder import Embedder, EmbedOptions, open_embedder
from ragdesk.open_collection import OpenCollection
from tests.lab.quality import handbook

# A busy machine is no failure: timings are for tests/lab.
settings.register_profile("ragdesk", deadline=None)
settings.load_profile("ragdesk")


# What is imported and collected stays to the end: looking for garbage in it, again and again, was
# half of the time of both (31 s of the processor, now 15).
gc.disable()


def pytest_collection_finish() -> None:
    """Look for garbage from here on, in what the tests leave alone."""
    gc.freeze()
    gc.enable()


@pytest.fixture(scope="session")
def cache(pytestconfig: pytest.Config) -> Path:
    """Keep exports between runs; each is sealed by its digest."""
    return pytestconfig.cache.mkdir("ragdesk")


@pytest.fixture(scope="session", autouse=True)
def user_cache(cache: Path) -> Iterator[None]:
    """Let every home here share these exports, as the user's cache folder, and no other."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(cache.parent))
        yield


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """Run a PostgreSQL server; gives the address of its first database."""
    if find_programs() is None and os.environ.get("CI") != "true":
        pytest.skip("no PostgreSQL server: make test-deps")
    with run_postgresql() as address:
        yield address


@pytest.fixture(scope="session")
def packaged(cache: Path) -> Embedder:
    """Give the embedder that comes with ragdesk."""
    return open_embedder(EmbedOptions(device="cpu"), cache)


@pytest.fixture(scope="session")
def company(
    tmp_path_factory: pytest.TempPathFactory, packaged: Embedder
) -> Iterator[OpenCollection]:
    """Give the sample company, taken in. Only to be read."""
    with handbook.take_in(tmp_path_factory.mktemp("company"), packaged) as opened:
        yield opened


@pytest.fixture(scope="session")
def asked_company(company: OpenCollection) -> OpenCollection:
    """Give the sample company, whose desk works the answer to each question out only once."""
    return replace(company, desk=AskedDesk(company.desk))
