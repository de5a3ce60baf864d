"""What holds for every test, and what is too dear to make for each."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from indexes.embedding.embedder import Embedder, EmbedOptions, open_embedder
from ragdesk.assemble import OpenCollection
from tests.lab.quality import handbook

# A busy machine is no failure: timings are for tests/lab.
settings.register_profile("ragdesk", deadline=None)
settings.load_profile("ragdesk")


@pytest.fixture(scope="session")
def cache(pytestconfig: pytest.Config) -> Path:
    """Keep exports between runs, as they are under a home; each is sealed by its digest."""
    return pytestconfig.cache.mkdir("ragdesk-models")


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
