"""Measure a job on a Ray cluster: one node, two nodes, and the local job beside them.

    python -m tests.lab.speed.cluster FOLDER

A real cluster of nodes on this machine, each held to one core with all its processes (a node that
only counts one CPU would parse on the other core while it embeds): what is measured is how the work
spreads and what the cluster costs, not a network. The driver shares the first node's core.
Starting the cluster is left out; starting the workers, each with its model, is not. The digests
must be equal.
"""

import argparse
import logging
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from indexes.embedding.embedder import EmbedOptions, open_embedder
from indexes.embedding.model_files import find_model
from indexes.index import Index
from ingest.job import IngestJob
from ingest.runners import RayOptions
from tests.lab.results import write_section


@dataclass(frozen=True, slots=True)
class Run:
    """A job: its seconds, the texts embedded, and the digest of what it made."""

    seconds: float
    embedded: int
    digest: str


@contextmanager
def cluster(nodes: int) -> Iterator[str]:
    """Start some nodes of one core each, the first of which is the driver's; gives the address."""
    from ray.cluster_utils import Cluster

    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, cores[:1])  # whoever is started from here on inherits it
    started = Cluster(
        initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False}
    )
    for core in range(1, nodes):
        os.sched_setaffinity(0, [cores[core % len(cores)]])
        started.add_node(num_cpus=1)
    os.sched_setaffinity(0, cores[:1])
    started.wait_for_nodes()
    try:
        yield started.address
    finally:
        started.shutdown()
        os.sched_setaffinity(0, cores)


def run(place: Path, models: Path, folder: Path, address: str = "", batch: int = 2) -> Run:
    """Take a folder into a fresh collection, here or at an address."""
    from ingest.on_ray import make_ray_runner

    open_one = partial(open_embedder, EmbedOptions(threads=1), models)
    options = RayOptions(address=address, batch=batch)
    embedder = open_embedder(EmbedOptions(), models)
    job = IngestJob(
        collection=place,
        embedder=embedder,
        tokenizer=find_model("packaged", models).tokenizer,
        remote_runner=make_ray_runner(options, open_one, embedder.card) if address else None,
    )
    began = time.perf_counter()
    report = job.run([folder])
    seconds = time.perf_counter() - began
    with Index.open(place) as index:
        return Run(seconds, report.embedded, index.digest_content())


def body(local: Run, one_node: Run, two_nodes: Run) -> str:
    """Write the section."""
    rows = [
        f"| {name} | {r.seconds:.1f} | {r.embedded:,} | {r.digest == local.digest} |"
        for name, r in (
            ("here, both cores", local),
            ("one node", one_node),
            ("two nodes", two_nodes),
        )
    ]
    lines = "\n".join(rows)
    return f"""
| | s | embedded | digest equal |
|---|---|---|---|
{lines}

Each node is held to one core. Two nodes against one: {one_node.seconds / two_nodes.seconds:.2f} ×. Overhead of
two nodes of one CPU against the local job on both cores: {two_nodes.seconds / local.seconds - 1:.0%}.
"""


def main() -> None:
    """Measure, and write the section."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--models", type=Path, required=True, help="where exported models are kept")
    arguments = parser.parse_args()
    logging.getLogger("ray").setLevel(logging.ERROR)
    models = arguments.models.absolute()
    folder = arguments.folder.absolute()
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch)
        local = run(place / "local", models, folder)
        print(local, flush=True)
        with cluster(1) as address:
            one_node = run(place / "one", models, folder, address)
        print(one_node, flush=True)
        with cluster(2) as address:
            two_nodes = run(place / "two", models, folder, address)
        print(two_nodes, flush=True)
    text = body(local, one_node, two_nodes)
    print(text)
    write_section("Ray", f"python -m tests.lab.speed.cluster {folder.name} --models DIR", text)


if __name__ == "__main__":
    main()
