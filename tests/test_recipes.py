"""What the recipes of CONTRIBUTING show is what the protocols ask for."""

import inspect
import re
from pathlib import Path

import pytest
from contracts import RerankerContract

from indexes.vectors.vector_store import VectorSearcher, VectorStore
from ragdesk.answering.retrieval.retrieval_options import RerankOptions

TEXT = (Path(__file__).parents[1] / "CONTRIBUTING.md").read_text(encoding="utf-8")


def sketch(recipe):
    """Run the code of a recipe, and give the classes that it defines."""
    _, _, text = TEXT.partition(f"\n### {recipe}\n")
    code = re.search(r"```python\n(.*?)```", text, re.DOTALL)[1]
    names = {}
    exec(code, names)  # noqa: S102 - our own paper
    return names


@pytest.mark.parametrize(
    ("name", "protocol"), [("ElsewhereStore", VectorStore), ("ElsewhereSearcher", VectorSearcher)]
)
def test_the_sketch_of_a_vector_store_is_the_protocol(name, protocol):
    shown = vars(sketch("A vector store")[name])
    for method, wanted in inspect.getmembers(protocol, inspect.isfunction):
        if not method.startswith("_"):
            parameters = inspect.signature(shown[method]).parameters
            assert list(parameters) == list(inspect.signature(wanted).parameters), method


class TestTheSketchOfAReranker(RerankerContract):
    texts = ("one two", "one", "one two three")

    def rerank(self, depth):
        return sketch("A reranker")["LengthReranker"](RerankOptions(depth=depth))
