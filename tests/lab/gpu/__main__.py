"""Prove what a desk makes of a GPU: each part held against what the same card can do.

    python -m tests.lab.gpu embed
    python -m tests.lab.gpu faiss
    python -m tests.lab.gpu vllm --url http://127.0.0.1:8000/v1
    python -m tests.lab.gpu all --url http://127.0.0.1:8000/v1

Runs without network. ``embed`` needs torch, transformers and sentence-transformers only; ``vllm`` a
running ``vllm serve`` on this machine's card. A part writes its section of RESULTS.md when it was
measured on a GPU, and else says what is missing and writes nothing.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from tests.lab.gpu import embedding, search, writing
from tests.lab.gpu.figures import NotMeasured, card, need, need_gpu, save
from tests.lab.results import RESULTS

PARTS = ("embed", "faiss", "vllm")


def embed(options: argparse.Namespace) -> str:
    """Measure embedding."""
    need("torch", "transformers", "sentence_transformers")
    need_gpu()
    return embedding.section("cuda", embedding.Sizes(), options.model)


def faiss(options: argparse.Namespace) -> str:
    """Measure search. Raises NotMeasured where FAISS has no GPU."""
    need("faiss", "torch")
    need_gpu()
    import faiss as library

    if not hasattr(library, "StandardGpuResources"):
        raise NotMeasured("not installed: a FAISS with GPU support (pip install faiss-gpu)")
    return search.section("cuda", search.Sizes(counts=tuple(options.counts)))


def vllm(options: argparse.Namespace) -> str:
    """Measure writing."""
    need("vllm", "faiss")
    need_gpu()
    if not options.url:
        raise NotMeasured("not measured: no server. Start vllm serve, and name it with --url")
    return writing.section(options.url, writing.Sizes())


RUN: dict[str, Callable[[argparse.Namespace], str]] = {"embed": embed, "faiss": faiss, "vllm": vllm}


def main() -> int:
    """Run the parts asked for; gives 1 where none was measured."""
    parser = argparse.ArgumentParser(prog="python -m tests.lab.gpu", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("part", choices=(*PARTS, "all"))
    parser.add_argument("--model", default="packaged", help="embedding model: packaged or a folder")
    parser.add_argument("--counts", type=int, nargs="+", default=search.Sizes().counts)
    parser.add_argument("--url", default="", help="of vllm serve, with /v1")
    parser.add_argument("--results", type=Path, default=RESULTS, help="file to write")
    options = parser.parse_args()
    measured = 0
    for part in PARTS if options.part == "all" else (options.part,):
        try:
            body = RUN[part](options)
        except NotMeasured as error:
            print(f"{part}: {error}", flush=True)
            continue
        measured += 1
        command = f"python -m tests.lab.gpu {part}"
        save(options.results, f"GPU: {part}", command, f"{card()}\n\n{body}")
    return 0 if measured else 1


if __name__ == "__main__":
    sys.exit(main())
