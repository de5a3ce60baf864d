"""How much of a card embedding uses: against the rate of one large matrix product, in halves.

Needs torch, transformers and sentence-transformers, and neither FAISS nor vLLM. The operations
are those of the linear layers and of attention, for the tokens that were there.
"""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.lab.gpu.figures import need, seconds, table

GOAL = 0.40  # of the matrix product's rate
WORDS = ("refund", "order", "account", "within", "days", "paid", "customer", "asked", "by", "post")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """matrix: rows of the square product. texts: embedded at once, of so many tokens each."""

    matrix: int = 8_192
    texts: int = 8_192
    tokens: int = 190
    batch: int = 512
    rounds: int = 5


def product_rate(device: str, size: int, rounds: int) -> float:
    """Measure the operations a second of a square product of halves (bfloat16 on a CPU)."""
    import torch

    kind = torch.bfloat16 if device == "cpu" else torch.float16
    left, right = (torch.randn(size, size, device=device, dtype=kind) for _ in range(2))
    return 2 * size**3 / seconds(lambda: left @ right, device=device, rounds=rounds)


def operations(model: Any, tokens: Sequence[int]) -> float:
    """Count what embedding texts of so many tokens takes: linear layers and attention."""
    import torch

    layers = [part for part in model.modules() if isinstance(part, torch.nn.Linear)]
    weights = sum(layer.weight.numel() for layer in layers)
    pooler = getattr(getattr(model[0], "auto_model", None), "pooler", None)
    if pooler is not None:  # of the first token, and not used
        weights -= sum(p.numel() for n, p in pooler.named_parameters() if n.endswith("weight"))
    config = model[0].auto_model.config
    attention = 4 * config.num_hidden_layers * config.hidden_size
    return float(sum(2 * weights * n + attention * n * n for n in tokens))


def texts(count: int, words: int) -> list[str]:
    """Make different texts of so many words."""
    length = len(WORDS)
    return [
        " ".join([str(n), *(WORDS[(n + at * (1 + n % 7)) % length] for at in range(words - 1))])
        for n in range(count)
    ]


def measure(device: str, sizes: Sizes, model: str = "packaged") -> list[dict[str, str]]:
    """Measure the product, the model alone on the device, and embedding as a desk does it."""
    need("torch", "transformers", "sentence_transformers")
    from sentence_transformers import SentenceTransformer

    from indexes.embedding import model_files as weights
    from indexes.embedding import on_torch

    with tempfile.TemporaryDirectory() as cache:
        model_files = weights.find_model(model, Path(cache))
        encode = on_torch.open_torch_encoder(model_files, device=device, threads=_threads())
        alone = SentenceTransformer(
            str(model_files.folder), device=device, local_files_only=True
        ).eval()
        if device != "cpu":
            alone.half()
        alone.max_seq_length = model_files.max_tokens
        passages = texts(sizes.texts, sizes.tokens)
        counts = [len(ids) for ids in alone.tokenizer(passages, truncation=True)["input_ids"]]
        rate = product_rate(device, sizes.matrix, sizes.rounds)
        times = {
            "the model alone": _alone(alone, passages, device, sizes),
            "as a desk embeds (with tokens and batches)": seconds(
                lambda: encode(passages), device=device, rounds=sizes.rounds
            ),
        }
    done = operations(alone, counts)
    return [
        {
            "embedding": name,
            "texts/s": f"{len(passages) / took:,.0f}",
            "tokens/s": f"{sum(counts) / took:,.0f}",
            "TFLOP/s": f"{done / took / 1e12:.3g}",
            "product, TFLOP/s": f"{rate / 1e12:.3g}",
            "share": f"{done / took / rate:.1%}",
        }
        for name, took in times.items()
    ]


def _alone(model: Any, passages: list[str], device: str, sizes: Sizes) -> float:
    """Time the model on tokens that are on the device already."""
    import torch

    batches = []
    for at in range(0, len(passages), sizes.batch):
        batch = model.tokenizer(
            passages[at : at + sizes.batch], truncation=True, padding=True, return_tensors="pt"
        )
        batches.append({name: part.to(device) for name, part in batch.items()})

    def run() -> None:
        with torch.inference_mode():
            for batch in batches:
                model(dict(batch))

    return seconds(run, device=device, rounds=sizes.rounds)


def section(device: str, sizes: Sizes, model: str) -> str:
    """Measure, and say it as a table."""
    rows = table(measure(device, sizes, model))
    return (
        f"{model} model, {sizes.texts:,} texts of about {sizes.tokens} tokens; share: of the rate "
        f"of a product of {sizes.matrix:,}² halves on the same card (goal {GOAL:.0%}).\n\n{rows}"
    )


def _threads() -> int:
    import torch

    return int(torch.get_num_threads())
