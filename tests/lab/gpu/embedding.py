"""How much of a card embedding uses: against the rate of one large matrix product, in halves.

Needs torch, transformers and sentence-transformers, and neither FAISS nor vLLM. The operations
are those of the linear layers and of attention, for the tokens that were there.
"""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.lab.gpu.figures import NotMeasured, need, seconds, table

if TYPE_CHECKING:
    from indexes.embedding.model_files import ModelFiles

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


@dataclass(frozen=True, slots=True, kw_only=True)
class LoneModel:
    """A model without a desk's tokens and batches.

    module: all of it. transformer: the part of it that transformers knows. tokenize: makes what
    the module takes of some texts, padded to one length. run: calls the module with it.
    """

    module: Any
    transformer: Any
    tokenize: Callable[[list[str]], dict[str, Any]]
    run: Callable[[dict[str, Any]], object]


def open_alone(files: "ModelFiles", device: str) -> LoneModel:
    """Open a model's files on a device, in halves on a GPU: the packaged one or a folder's."""
    from sentence_transformers import SentenceTransformer

    from indexes.embedding import on_torch
    from indexes.embedding.quantised_weights import QuantisedWeights
    from indexes.embedding.unigram_tokenizer import UnigramTokenizer

    if files.has_word_table:
        if files.weights is None:
            raise NotMeasured("not measured: the weights of the packaged model are not here")
        bert = on_torch.build_bert(QuantisedWeights(files.weights)).to(device)
        pieces = UnigramTokenizer(files.tokenizer)
        return LoneModel(
            module=bert if device == "cpu" else bert.half(),
            transformer=bert,
            tokenize=lambda texts: on_torch.pad_ids(
                [pieces.encode(text, files.max_tokens) for text in texts]
            ),
            run=lambda batch: bert(**batch),
        )
    model = SentenceTransformer(str(files.folder), device=device, local_files_only=True).eval()
    model.max_seq_length = files.max_tokens
    return LoneModel(
        module=model if device == "cpu" else model.half(),
        transformer=model[0].auto_model,
        tokenize=partial(model.tokenizer, truncation=True, padding=True, return_tensors="pt"),
        run=lambda batch: model(dict(batch)),
    )


def operations(alone: LoneModel, tokens: Sequence[int]) -> float:
    """Count what embedding texts of so many tokens takes: linear layers and attention."""
    import torch

    layers = [part for part in alone.module.modules() if isinstance(part, torch.nn.Linear)]
    weights = sum(layer.weight.numel() for layer in layers)
    pooler = getattr(alone.transformer, "pooler", None)
    if pooler is not None:  # of the first token, and not used
        weights -= sum(p.numel() for n, p in pooler.named_parameters() if n.endswith("weight"))
    config = alone.transformer.config
    attention = 4 * config.num_hidden_layers * config.hidden_size
    return float(sum(2 * weights * n + attention * n * n for n in tokens))


def texts(count: int, words: int) -> list[str]:
    """Make different texts of so many words."""
    length = len(WORDS)
    return [
        " ".join([str(n), *(WORDS[(n + at * (1 + n % 7)) % length] for at in range(words - 1))])
        for n in range(count)
    ]


def measure(
    device: str, sizes: Sizes, model: str = "packaged", *, cache: Path | None = None
) -> list[dict[str, str]]:
    """Measure the product, the model alone on the device, and embedding as a desk does it.

    cache: where the packaged model's conversion is kept; None converts it anew.
    """
    need("torch", "transformers", "sentence_transformers")
    from indexes.embedding import model_files, on_torch

    with tempfile.TemporaryDirectory() as fresh:
        files = model_files.find_model(model, cache or Path(fresh))
        alone = open_alone(files, device)
        open_encoder = (
            on_torch.open_multilingual_bert if files.has_word_table else on_torch.open_torch_encoder
        )
        encode = open_encoder(files, device=device, threads=_threads())
        passages = texts(sizes.texts, sizes.tokens)
        batches = [
            alone.tokenize(passages[at : at + sizes.batch])
            for at in range(0, len(passages), sizes.batch)
        ]
        counts = [n for batch in batches for n in batch["attention_mask"].sum(dim=1).tolist()]
        rate = product_rate(device, sizes.matrix, sizes.rounds)
        times = {
            "the model alone": _alone(alone, batches, device, sizes.rounds),
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


def _alone(alone: LoneModel, batches: Sequence[dict[str, Any]], device: str, rounds: int) -> float:
    """Time the model on tokens that are on the device already."""
    import torch

    here = [{name: part.to(device) for name, part in batch.items()} for batch in batches]

    def run() -> None:
        with torch.inference_mode():
            for batch in here:
                alone.run(batch)

    return seconds(run, device=device, rounds=rounds)


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
