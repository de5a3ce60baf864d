"""The GPU bench measures tiny sizes on a CPU, and writes nothing that a GPU did not do."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from indexes.embedding import model_files
from tests.lab.gpu import embedding, search, writing
from tests.lab.quality import writer

ROOT = Path(__file__).parents[2]
MODELS = ["packaged-english", pytest.param("packaged", marks=pytest.mark.real)]  # ten seconds each
# A machine without FAISS, vLLM and all that only other parts need.
BARE = """
import pathlib, sys
for name in ("faiss", "vllm", "opencc", "Stemmer", "onnx", "onnxruntime", "httpx", "fastapi"):
    sys.modules[name] = None
from tests.lab.gpu import embedding
sizes = embedding.Sizes(matrix=64, texts=4, tokens=12, batch=2, rounds=1)
rows = embedding.measure("cpu", sizes, sys.argv[2], cache=pathlib.Path(sys.argv[1]))
print(len(rows), float(rows[0]["tokens/s"].replace(",", "")) > 0)
"""


@pytest.mark.parametrize("name", MODELS)
def test_embedding_is_measured_without_faiss_and_vllm(name, cache):
    command = [sys.executable, "-c", BARE, str(cache), name]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["2", "True"]


@pytest.mark.parametrize("name", MODELS)
def test_operations_are_those_that_torch_counts(name, cache):
    alone = embedding.open_alone(model_files.find_model(name, cache), "cpu")
    alone.transformer.set_attn_implementation("eager")  # torch counts no other on a CPU
    batch = alone.tokenize(["refund within days " * 20])
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        alone.transformer(**batch)
    pooler = alone.transformer.pooler  # of one token, and not used
    pooled = 2 * alone.transformer.config.hidden_size**2 if pooler is not None else 0
    length = batch["input_ids"].shape[1]
    counted = embedding.operations(alone, [length])
    assert length > 40
    assert counted == pytest.approx(counter.get_total_flops() - pooled, rel=0.001)


def test_search_is_measured_and_finds_what_flat_finds():
    sizes = search.Sizes(
        counts=(3_000,), dim=16, queries=20, copied=1 << 20, slab=1_000, rounds=1
    )  # fmt: skip
    flat, ivf = search.measure("cpu", sizes)
    assert (flat["kind"], ivf["kind"]) == ("flat", "ivf")
    assert float(flat["recall@10"]) == 1
    assert 0.3 < float(ivf["recall@10"]) <= 1
    assert float(flat["share"].rstrip("%")) >= 0  # how large is a matter of the machine's load


@pytest.mark.filterwarnings("ignore")
def test_writing_is_measured_both_ways_with_the_same_prompts():
    sizes = writing.Sizes(at_once=(1, 4), each=6)
    with writer.writer("--corrupt", "0") as url:
        rows = asyncio.run(writing.measure(f"{url}/v1", sizes))
    assert [row["way"] for row in rows] == ["directly", "through ragdesk"] * 2
    for row in rows:
        assert row["failed"] == "0"
        assert float(row["tokens/s"].replace(",", "")) > 0
        assert float(row["first words p50, ms"]) > 0


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU is here")
def test_without_a_gpu_nothing_is_written(tmp_path):
    file = tmp_path / "RESULTS.md"
    done = subprocess.run(
        [sys.executable, "-m", "tests.lab.gpu", "all", "--results", str(file)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    assert "embed: not measured: no GPU" in done.stdout
    assert "faiss: not" in done.stdout
    assert "vllm: not" in done.stdout
    assert not file.exists()
