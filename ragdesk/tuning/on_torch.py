"""The reader as torch trains it: the packaged embedder's layers, the upper of them free, a head.

The only file of this room that imports torch. Layers are written out here (Vaswani et al. 2017),
as the ONNX graph of the runtime is: the two are held against each other by a test.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from indexes.embedding.quantised_weights import QuantisedWeights, dequantise_rows
from ragdesk.answering.reading.unit_reader import EncodedPair

Arrays = dict[str, NDArray[np.float32]]
HEAD_WIDTH = 192
_LINEAR = (
    "attention.self.query",
    "attention.self.key",
    "attention.self.value",
    "attention.output.dense",
    "intermediate.dense",
    "output.dense",
)
_NORMS = ("attention.output.LayerNorm", "output.LayerNorm")
_FAR = -1e4  # of a score that cannot be chosen


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderShape:
    """How many of the embedder's layers a reader has, and how many, the last, are its own."""

    layers: int = 9
    trained: int = 6


class ReaderModel(torch.nn.Module):
    """Scores pairs. The parameters are those that are trained; all else is frozen."""

    def __init__(self, weights: QuantisedWeights, shape: ReaderShape, dropout: float) -> None:
        super().__init__()
        self.shape, self.sizes, self.dropout = shape, weights.sizes, dropout
        self._words = weights.read_word_rows()
        matrices = weights.read_matrices()
        first = shape.layers - shape.trained
        own, frozen = {}, {}
        for name, array in matrices.items():
            layer = int(name.split(".")[2]) if name.startswith("encoder.layer.") else -1
            if layer < first:
                frozen[name] = torch.from_numpy(array)
            elif layer < shape.layers:
                own[name] = torch.nn.Parameter(torch.from_numpy(array))
        self.frozen = frozen
        self.own = own
        self._ranges: Arrays | None = None
        hidden = weights.sizes.hidden
        head = {
            "head.inner.weight": torch.randn(HEAD_WIDTH, 2 * hidden) * (2 * hidden) ** -0.5,
            "head.inner.bias": torch.zeros(HEAD_WIDTH),
            "head.score.weight": torch.randn(1, HEAD_WIDTH) * HEAD_WIDTH**-0.5,
            "head.score.bias": torch.full((1,), -1.5),
            "head.span.weight": torch.randn(2, hidden) * hidden**-0.5,
            "head.span.bias": torch.zeros(2),
        }
        self.own |= {name: torch.nn.Parameter(value) for name, value in head.items()}
        for name, value in self.own.items():
            self.register_parameter(name.replace(".", "/"), value)

    def read_arrays(self) -> Arrays:
        """Return what is trained, by the names that the embedder's weights have."""
        return {name: value.detach().numpy().copy() for name, value in self.own.items()}

    def write_arrays(self, arrays: Mapping[str, NDArray[np.float32]]) -> None:
        """Take over what was trained before. Raises KeyError, ValueError for another shape."""
        with torch.no_grad():
            for name, value in self.own.items():
                if value.shape != arrays[name].shape:
                    raise ValueError(f"{name} has another shape")
                value.copy_(torch.from_numpy(arrays[name]))

    def measure_ranges(self, pairs: Sequence[EncodedPair]) -> Arrays:
        """Return the greatest activations of each channel before each matrix that is trained."""
        self.eval()
        self._ranges = {}
        with torch.no_grad():
            for pair in pairs:  # each alone: what stands in padding is no activation
                self._run_batch([pair])
        ranges, self._ranges = self._ranges, None
        return ranges

    def _note_range(self, place: str, tokens: torch.Tensor) -> None:
        if self._ranges is not None:
            greatest = tokens.detach().abs().amax(dim=(0, 1)).numpy()
            self._ranges[place] = np.maximum(self._ranges.get(place, greatest), greatest)

    def score_pairs(
        self, pairs: Sequence[EncodedPair], budget: int = 2400
    ) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """Return the scores (n,) of pairs, and of each the span logits (2, tokens of the unit).

        budget: tokens that are run at once; pairs of like length are run together.
        """
        order = sorted(range(len(pairs)), key=lambda i: len(pairs[i].ids))
        scores: list[torch.Tensor | None] = [None] * len(pairs)
        spans: list[torch.Tensor] = [torch.empty(0)] * len(pairs)
        for rows in _cut_batches(order, [len(pairs[i].ids) for i in order], budget):
            batch = [pairs[i] for i in rows]
            values, logits = self._run_batch(batch)
            for k, i in enumerate(rows):
                scores[i] = values[k]
                start, end = batch[k].unit
                spans[i] = logits[k, start:end].T
        return torch.stack([s for s in scores if s is not None]), spans

    def _run_batch(self, batch: Sequence[EncodedPair]) -> tuple[torch.Tensor, torch.Tensor]:
        longest = max(len(pair.ids) for pair in batch)
        ids = np.ones((len(batch), longest), dtype=np.int64)
        mask = torch.zeros((len(batch), longest), dtype=torch.bool)
        unit = torch.zeros((len(batch), longest, 1))
        for row, pair in enumerate(batch):
            ids[row, : len(pair.ids)] = pair.ids
            mask[row, : len(pair.ids)] = True
            unit[row, pair.unit[0] : pair.unit[1]] = 1.0
        attention = mask[:, None, None, :]
        with torch.no_grad():
            tokens = self._embed_tokens(ids)
            for layer in range(self.shape.layers - self.shape.trained):
                tokens = self._run_layer(tokens, attention, self.frozen, layer)
        for layer in range(self.shape.layers - self.shape.trained, self.shape.layers):
            tokens = self._run_layer(tokens, attention, self.own, layer)
        pooled = (tokens * unit).sum(dim=1) / unit.sum(dim=1).clamp(min=1.0)
        both = torch.cat([tokens[:, 0], pooled], dim=-1)
        inner = functional.gelu(self._apply_linear(both, self.own, "head.inner"))
        inner = functional.dropout(inner, self.dropout, self.training)
        scores = self._apply_linear(inner, self.own, "head.score")[:, 0]
        return scores, self._apply_linear(tokens, self.own, "head.span")

    def _embed_tokens(self, ids: NDArray[np.int64]) -> torch.Tensor:
        words = dequantise_rows(self._words[ids.ravel()]).reshape(*ids.shape, -1)
        places = self.frozen["embeddings.position_embeddings.weight"][: ids.shape[1]]
        kind = self.frozen["embeddings.token_type_embeddings.weight"][0]
        return self._apply_norm(
            torch.from_numpy(words) + places + kind, self.frozen, "embeddings.LayerNorm"
        )

    def _run_layer(
        self,
        tokens: torch.Tensor,
        mask: torch.Tensor,
        weights: Mapping[str, torch.Tensor],
        layer: int,
    ) -> torch.Tensor:
        under = f"encoder.layer.{layer}."
        self._note_range(f"{layer}.attention", tokens)
        count, length, hidden = tokens.shape
        heads = self.sizes.heads
        query, key, value = (
            self._apply_linear(tokens, weights, f"{under}attention.self.{part}")
            .view(count, length, heads, hidden // heads)
            .transpose(1, 2)
            for part in ("query", "key", "value")
        )
        attended = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        attended = attended.transpose(1, 2).reshape(count, length, hidden)
        self._note_range(f"{layer}.context", attended)
        attended = self._apply_linear(attended, weights, f"{under}attention.output.dense")
        tokens = self._apply_norm(
            tokens + self._drop(attended), weights, f"{under}attention.output.LayerNorm"
        )
        self._note_range(f"{layer}.inner", tokens)
        inner = functional.gelu(self._apply_linear(tokens, weights, f"{under}intermediate.dense"))
        self._note_range(f"{layer}.outer", inner)
        outer = self._apply_linear(inner, weights, f"{under}output.dense")
        return self._apply_norm(tokens + self._drop(outer), weights, f"{under}output.LayerNorm")

    def _drop(self, tokens: torch.Tensor) -> torch.Tensor:
        if not tokens.requires_grad:
            return tokens
        return functional.dropout(tokens, self.dropout, self.training)

    @staticmethod
    def _apply_linear(
        tokens: torch.Tensor, weights: Mapping[str, torch.Tensor], name: str
    ) -> torch.Tensor:
        return functional.linear(tokens, weights[f"{name}.weight"], weights[f"{name}.bias"])

    def _apply_norm(
        self, tokens: torch.Tensor, weights: Mapping[str, torch.Tensor], name: str
    ) -> torch.Tensor:
        return functional.layer_norm(
            tokens,
            (self.sizes.hidden,),
            weights[f"{name}.weight"],
            weights[f"{name}.bias"],
            self.sizes.epsilon,
        )


def _cut_batches(order: Sequence[int], lengths: Sequence[int], budget: int) -> list[list[int]]:
    """Cut places that are sorted by length into runs of so many tokens, padding included."""
    batches: list[list[int]] = [[]]
    for place, length in zip(order, lengths, strict=True):
        if batches[-1] and length * (len(batches[-1]) + 1) > budget:
            batches.append([])
        batches[-1].append(place)
    return batches


@dataclass(frozen=True, slots=True)
class EncodedSample:
    """A sample as tokens. spans: of each answering unit, the first and last of its tokens."""

    pairs: tuple[EncodedPair, ...]
    answers: tuple[int, ...]
    spans: tuple[tuple[int, int] | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingRates:
    """How fast is learnt.

    head: that of the head, which starts from nothing. span: what the place of the answer counts
    beside which unit answers. warm: share of the training before full speed.
    """

    layers: float = 1.2e-4
    head: float = 6e-4
    span: float = 0.3
    warm: float = 0.06
    decay: float = 0.01
    greatest_norm: float = 1.0


class ReaderTrainer:
    """Trains a model step by step (AdamW, Loshchilov and Hutter 2019, arXiv:1711.05101)."""

    def __init__(self, model: ReaderModel, rates: TrainingRates, threads: int) -> None:
        self.model, self.rates, self._threads = model, rates, threads
        torch.set_num_threads(1)
        self._pool = ThreadPoolExecutor(  # the setting is a thread's: others count exactly
            threads, initializer=torch.set_flush_denormal, initargs=(True,)
        )
        heads = [value for name, value in model.own.items() if name.startswith("head.")]
        layers = [value for name, value in model.own.items() if not name.startswith("head.")]
        self._optimizer = torch.optim.AdamW(
            [{"params": layers, "lr": rates.layers}, {"params": heads, "lr": rates.head}],
            weight_decay=rates.decay,
        )
        self._most = [rates.layers, rates.head]

    def train_batch(self, samples: Sequence[EncodedSample], progress: float) -> float:
        """Learn from a batch once; return its loss. progress: share (0..1) of the training done.

        The parts of a batch run beside each other, each on one core: cores that share one product
        wait for each other after each of them, and on a busy machine that is most of the time.
        """
        self.model.train()
        for group, most in zip(self._optimizer.param_groups, self._most, strict=True):
            group["lr"] = most * self._schedule_rate(progress)
        size = max(1, -(-len(samples) // (2 * self._threads)))
        parts = [samples[first : first + size] for first in range(0, len(samples), size)]
        values = list(self.model.own.values())
        loss = 0.0
        gradients: list[torch.Tensor | None] = [None] * len(values)
        for part_loss, own in self._pool.map(self._derive_loss, parts):
            loss += part_loss / len(samples)
            for row, gradient in enumerate(own):
                before = gradients[row]
                gradients[row] = gradient if before is None else before.add_(gradient)
        for value, total in zip(values, gradients, strict=True):
            value.grad = None if total is None else total.div_(len(samples))
        torch.nn.utils.clip_grad_norm_(values, self.rates.greatest_norm)
        self._optimizer.step()
        return loss

    def _derive_loss(
        self, samples: Sequence[EncodedSample]
    ) -> tuple[float, tuple[torch.Tensor, ...]]:
        loss = self._compute_loss(samples)
        gradients = torch.autograd.grad(
            loss, list(self.model.own.values()), allow_unused=True, materialize_grads=True
        )
        return float(loss.detach()), gradients

    def score_samples(self, samples: Sequence[EncodedSample]) -> list[NDArray[np.float32]]:
        """Return the scores of the units of each sample, without learning."""
        self.model.eval()
        return list(self._pool.map(self._score_sample, samples))

    def _score_sample(self, sample: EncodedSample) -> NDArray[np.float32]:
        with torch.no_grad():
            return np.asarray(self.model.score_pairs(sample.pairs)[0].numpy(), dtype=np.float32)

    def read_state(self) -> Arrays:
        """Return the weights, and what the optimiser remembers of each."""
        arrays = self.model.read_arrays()
        for name, value in self.model.own.items():
            memory = self._optimizer.state.get(value)
            if memory:
                arrays[f"adam.first/{name}"] = memory["exp_avg"].numpy().copy()
                arrays[f"adam.second/{name}"] = memory["exp_avg_sq"].numpy().copy()
        return arrays

    def write_state(self, arrays: Mapping[str, NDArray[np.float32]], step: int) -> None:
        """Go on from a state that was read at a step."""
        self.model.write_arrays(arrays)
        for name, value in self.model.own.items():
            if (first := arrays.get(f"adam.first/{name}")) is not None:
                self._optimizer.state[value] = {
                    "step": torch.tensor(float(step)),
                    "exp_avg": torch.from_numpy(first.copy()),
                    "exp_avg_sq": torch.from_numpy(arrays[f"adam.second/{name}"].copy()),
                }

    def _schedule_rate(self, progress: float) -> float:
        """Return the share of the full rate: up, then straight down to a twentieth."""
        if progress < self.rates.warm:
            return max(progress, 0.002) / self.rates.warm
        return max(0.05, (1 - progress) / (1 - self.rates.warm))

    def _compute_loss(self, samples: Sequence[EncodedSample]) -> torch.Tensor:
        pairs = [pair for sample in samples for pair in sample.pairs]
        scores, spans = self.model.score_pairs(pairs)
        losses: list[torch.Tensor] = []
        places: list[torch.Tensor] = []
        first = 0
        for sample in samples:
            own = scores[first : first + len(sample.pairs)]
            whole = torch.logsumexp(torch.cat([own.new_zeros(1), own]), dim=0)
            right = torch.logsumexp(own[list(sample.answers)], dim=0) if sample.answers else 0.0
            losses.append(whole - right)
            for place, span in zip(sample.answers, sample.spans, strict=True):
                if span is not None:
                    logits = spans[first + place]
                    places.append(functional.cross_entropy(logits, torch.tensor(span)))
            first += len(sample.pairs)
        loss = torch.stack(losses).sum()
        return loss + self.rates.span * torch.stack(places).sum() if places else loss


def seed_torch(seed: int) -> None:
    """Make what torch draws by chance the same again."""
    torch.manual_seed(seed)
