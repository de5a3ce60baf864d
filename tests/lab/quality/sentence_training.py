"""Teach the packaged models which sentence answers: the weights of ``reading/sentence_comparer``.

    python -m tests.lab.quality.sentence_training --language en --out FILE [--minutes 30] [--texts zh] [--start FILE]
    python -m tests.lab.quality.sentence_training --language en --look FILE
    python -m tests.lab.quality.sentence_training --language en --cut FILE --share 0.7 --rank 48 --out FILE

Learns from the help texts of tests/lab/help_texts, some documents at a time: a question stays nearer
to the sentence that answers than to all others of these documents, and than a bound that is learnt
with them; a question that nothing answers stays below the bound. Writes a
share of the changes of the model's matrices (between what it knew and what it learnt, Wortsman et
al. 2022, arXiv:2109.01903), cut to a rank, with a card. ``--look`` measures a file as the desk runs it,
in int8, on the documents held out; ``--cut`` makes a smaller one of it. A quarter of an hour to an
hour on two cores; extra ``tune``.
"""

import argparse
import random
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from numpy.typing import NDArray
from torch.nn import functional

from eval.abstention_metrics import compute_auroc
from indexes.embedding.adapted_encoder import open_adapted_encoder
from indexes.embedding.embedder import EmbedOptions, open_embedder
from indexes.embedding.model_adapter import ModelAdapter, read_adapter, write_adapter
from indexes.embedding.model_files import ModelFiles, find_model
from indexes.embedding.on_torch import build_bert, pad_ids
from indexes.embedding.quantised_weights import QuantisedWeights
from indexes.embedding.unigram_tokenizer import UnigramTokenizer
from ragdesk.answering.reading.sentence_comparer import SentenceComparer
from ragdesk.reading_models import SENTENCE_MODELS
from tests.lab.quality.help_texts import (
    CandidateChooser,
    DocumentBatches,
    HelpBatch,
    HelpTexts,
    read_help_texts,
)

SEED = 20261130
LONGEST = 96  # tokens
COMPARED = 12  # units that a question held out is compared with
Embed = Callable[[str, Sequence[str]], NDArray[np.float32]]


@dataclass(frozen=True, slots=True, kw_only=True)
class SentenceTrainingOptions:
    """How is learnt. scale: by which cosines become logits. null: the bound's logit at first.

    documents: of a batch, with all their units and questions. near_share, removal_share: see
    ``DocumentBatches``.
    """

    scale: float
    null: float
    passes: int = 4
    documents: int = 3
    rate: float = 5e-5
    near_share: float = 0.5
    removal_share: float = 0.06


OPTIONS = {
    "en": SentenceTrainingOptions(scale=20.0, null=9.0),
    "zh": SentenceTrainingOptions(scale=30.0, null=17.0),
}


class SentenceTrainer:
    """Trains the layers of a model; its word vectors stay as they are."""

    def __init__(self, model: ModelFiles, options: SentenceTrainingOptions) -> None:
        torch.manual_seed(SEED)
        self._options, self._model = options, model
        self.bert: Any = _load_bert(model)
        self.before = self.read_matrices()
        self._null = torch.nn.Parameter(torch.tensor(options.null))
        self._encode = _open_tokenizer(model)
        for module in self.bert.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.1
        for parameter in self.bert.embeddings.parameters():
            parameter.requires_grad = False
        self._free = [p for p in self.bert.parameters() if p.requires_grad]
        groups: list[dict[str, Any]] = [
            {"params": self._free},
            {"params": [self._null], "weight_decay": 0.0},
        ]
        self._optimizer = torch.optim.AdamW(groups, weight_decay=0.01)

    def start_from(self, adapter: ModelAdapter) -> None:
        """Go on from what was learnt before."""
        state = self.bert.state_dict()
        for name, change in adapter.changes.items():
            state[name] += torch.from_numpy(change)  # in place: the layers' own tensors

    def read_matrices(self) -> dict[str, NDArray[np.float32]]:
        """Return the weights of all layers, by the names that BERT's have."""
        return {
            name: value.detach().numpy().copy()
            for name, value in self.bert.state_dict().items()
            if name.startswith("encoder.layer.")
        }

    def embed(self, texts: Sequence[str]) -> torch.Tensor:
        """Embed texts: (n, dim), of length one; those of like length together."""
        ids = [self._encode(text) for text in texts]
        order = sorted(range(len(ids)), key=lambda n: len(ids[n]))
        vectors: list[torch.Tensor | None] = [None] * len(ids)
        for first in range(0, len(order), 32):
            rows = order[first : first + 32]
            batch = pad_ids([ids[row] for row in rows])
            tokens = self.bert(**batch).last_hidden_state
            mask = batch["attention_mask"].unsqueeze(-1)
            means = (tokens * mask).sum(1) / mask.sum(1)
            for row, vector in zip(rows, functional.normalize(means, dim=-1), strict=True):
                vectors[row] = vector
        return torch.stack([vector for vector in vectors if vector is not None])

    def train_batch(self, batch: HelpBatch, progress: float) -> float:
        """Learn from documents and the questions about them; return the loss."""
        questions = [self._model.query_prefix + asked for asked in batch.questions]
        units = [self._model.passage_prefix + unit for unit in batch.units]
        vectors = self.embed([*questions, *units])
        scores = vectors[: len(questions)] @ vectors[len(questions) :].T * self._options.scale
        scores = scores.masked_fill(torch.from_numpy(batch.hidden), -torch.inf)
        scores = torch.cat([scores, self._null.expand(len(questions), 1)], dim=1)
        best = [
            torch.logsumexp(row[sorted(places)], 0) if places else row[-1]
            for row, places in zip(scores, batch.answers, strict=True)
        ]
        loss = (torch.logsumexp(scores, 1) - torch.stack(best)).mean()
        rise = min(1.0, progress / 0.06) * (1 - progress) + 0.02
        for group, rate in zip(
            self._optimizer.param_groups, (self._options.rate, 2e-2), strict=True
        ):
            group["lr"] = rate * rise
        self._optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch ships no hint
        torch.nn.utils.clip_grad_norm_(self._free, 1.0)
        self._optimizer.step()
        return float(loss.detach())


def train_sentences(
    trainer: SentenceTrainer,
    texts: Sequence[HelpTexts],
    options: SentenceTrainingOptions,
    minutes: float,
) -> int:
    """Learn from all questions but those held out, or until the minutes are over.

    Returns how many were learnt from.
    """
    batches = DocumentBatches(
        texts, near_share=options.near_share, removal_share=options.removal_share
    )
    chance = random.Random(SEED)  # noqa: S311 - no secret
    start, question_count, step = time.monotonic(), 0, 0
    trainer.bert.train()
    for pass_number in range(options.passes):
        splits = batches.split(options.documents, chance)
        for number, documents in enumerate(splits):
            share = (pass_number + number / len(splits)) / options.passes
            progress = max(share, (time.monotonic() - start) / (60 * minutes))
            if progress >= 1:
                return question_count
            batch = batches.read(documents, chance)
            loss = trainer.train_batch(batch, progress)
            question_count += len(batch.questions)
            step += 1
            if step % 50 == 1:
                print(f"{progress:.0%}, {question_count} questions, loss {loss:.2f}", flush=True)
    return question_count


def look_at_held_out(embed: Embed, texts: HelpTexts) -> dict[str, float]:
    """Measure what is held out: whose best unit answers, and how the others are told apart."""
    _, held = texts.split_held_out()
    chooser, chance = CandidateChooser(texts), random.Random(SEED)  # noqa: S311 - no secret
    first: list[bool] = []
    best: dict[bool, list[float]] = {True: [], False: []}
    for question in held:
        units, answers = chooser.choose(question, COMPARED, chance)
        cosines = embed(question.text, [unit.read_text() for unit in units])
        best[bool(answers)].append(float(cosines.max()))
        if answers:
            first.append(int(cosines.argmax()) in answers)
    return {
        "questions": len(held),
        "first": round(float(np.mean(first)), 3),
        "auroc": round(compute_auroc(best[True], best[False]), 3),
    }


def _load_bert(model: ModelFiles) -> Any:
    if model.has_word_table and model.weights:
        return build_bert(QuantisedWeights(model.weights))
    return transformers.BertModel.from_pretrained(model.folder, add_pooling_layer=False)


def _open_tokenizer(model: ModelFiles) -> Callable[[str], list[int]]:
    if model.has_word_table:
        pieces = UnigramTokenizer(model.tokenizer)
        return lambda text: pieces.encode(text, LONGEST)
    import tokenizers

    encoder = tokenizers.Tokenizer.from_file(str(model.tokenizer))
    encoder.no_padding()
    encoder.enable_truncation(LONGEST)
    return lambda text: list(encoder.encode(text).ids)


def _measure_file(language: str, file: Path | None, texts: HelpTexts) -> dict[str, float]:
    """Measure a file as the desk runs it; without one, the packaged model as it is."""
    with tempfile.TemporaryDirectory() as folder:
        cache = Path(folder)
        model = find_model(SENTENCE_MODELS[language], cache)
        if file:
            compare = SentenceComparer(partial(open_adapted_encoder, model, file, cache, threads=2))
            return look_at_held_out(lambda asked, units: compare(asked, units).cosines, texts)
        packaged = open_embedder(EmbedOptions(model=SENTENCE_MODELS[language]), cache)

        def embed(question: str, units: Sequence[str]) -> NDArray[np.float32]:
            return np.asarray(packaged.embed_passages(units) @ packaged.embed_query(question))

        return look_at_held_out(embed, texts)


def cut_adapter(file: Path, out: Path, *, share: float, rank: int) -> None:
    """Write a share of an adapter's changes, cut to a rank."""
    adapter = read_adapter(file)
    kept = {name: np.float32(share) * change for name, change in adapter.changes.items()}
    nothing = {name: np.zeros_like(change) for name, change in kept.items()}
    card = {**adapter.card, "share": round(share * float(adapter.card.get("share", 1)), 3)}
    write_adapter(out, nothing, kept, base=adapter.base, rank=rank, card=card)


def _describe(
    language: str, learnt: int, minutes: float, asked: argparse.Namespace
) -> dict[str, Any]:
    before = {"start": read_adapter(asked.start).card} if asked.start else {}
    return {
        **before,
        "share": asked.share,
        "language": language,
        "texts": " ".join(asked.texts or [language]),
        "data": "help texts and questions of ragdesk's own (Apache-2.0)",
        "base": {"en": "all-MiniLM-L6-v2 (Apache-2.0)", "zh": "multilingual-e5-small (MIT)"}[
            language
        ],
        "questions": learnt,
        "minutes": round(minutes),
        "command": "python -m tests.lab.quality.sentence_training",
    }


def main() -> None:
    """Train one language, or look at a file."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--language", choices=sorted(OPTIONS), required=True)
    parser.add_argument("--out", type=Path, help="file of the weights")
    parser.add_argument("--look", type=Path, help="measure this file, and train nothing")
    parser.add_argument("--start", type=Path, help="go on from this file")
    parser.add_argument("--cut", type=Path, help="make --out of this file, and train nothing")
    parser.add_argument(
        "--texts",
        choices=sorted(OPTIONS),
        action="append",
        help="a language of the texts, may be repeated; by default that of --language",
    )
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--rank", type=int, default=96, help="of each matrix's change")
    parser.add_argument("--share", type=float, default=0.7, help="of the change that is kept")
    asked = parser.parse_args()
    texts = read_help_texts(asked.language)
    print("as packaged", _measure_file(asked.language, None, texts), flush=True)
    if asked.look:
        print("with the file", _measure_file(asked.language, asked.look, texts))
        return
    if not asked.out:
        parser.error("--out FILE or --look FILE")
    if asked.cut:
        cut_adapter(asked.cut, asked.out, share=asked.share, rank=asked.rank)
        print("with the file", _measure_file(asked.language, asked.out, texts))
        return
    with tempfile.TemporaryDirectory() as folder:
        model = find_model(SENTENCE_MODELS[asked.language], Path(folder))
        options = OPTIONS[asked.language]
        trainer = SentenceTrainer(model, options)
        if asked.start:
            trainer.start_from(read_adapter(asked.start))
        start = time.monotonic()
        training_texts = [read_help_texts(name) for name in asked.texts or [asked.language]]
        learnt = train_sentences(trainer, training_texts, options, asked.minutes)
        card = _describe(asked.language, learnt, (time.monotonic() - start) / 60, asked)
        after = {
            name: trainer.before[name] + asked.share * (matrix - trainer.before[name])
            for name, matrix in trainer.read_matrices().items()
        }
        write_adapter(
            asked.out, trainer.before, after, base=model.digest, rank=asked.rank, card=card
        )
    print("with the file", _measure_file(asked.language, asked.out, texts))


if __name__ == "__main__":
    main()
