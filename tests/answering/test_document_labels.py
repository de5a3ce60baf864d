"""Documents are offered by the names that customers give them."""

import pytest

from indexes.chunk import Chunk
from ragdesk.answering.document_labels import label_documents


def chunk(uri: str, title: str) -> Chunk:
    return Chunk(document=uri, uri=uri, text="Text.", start=0, end=5, title=title, language="en")


@pytest.mark.parametrize(
    ("documents", "labels"),
    [
        ([("a.md", "Linde lamp | Shop help"), ("b.md", "Birke lamp | Shop help")], ["Linde lamp", "Birke lamp"]),
        ([("KX-5.pdf", "User guide"), ("KX-7.pdf", "User guide")], ["KX-5", "KX-7"]),
        ([("山风A1说明书.md", "产品说明"), ("山风A2说明书.md", "产品说明")], ["山风A1", "山风A2"]),
        ([("linde/guide.pdf", "Guide"), ("birke/guide.pdf", "Guide")], ["linde", "birke"]),
        ([("a.md", "POL-12 Refunds (v3)"), ("b.md", "POL-13 Gift cards, 2024-05")], ["Refunds", "Gift cards"]),
        ([("a.md", "3.2 Refunds"), ("internal/b.md", "Tone of voice")], ["Refunds", ""]),
        ([("a.md", "Refunds"), ("b.md", "Runbook for agents — confidential")], ["Refunds", ""]),
        ([("scan_0001.pdf", ""), ("scan_0002.pdf", "")], ["", ""]),
        ([("a.md", "第三章 退款"), ("b.md", "坐席话术：退款")], ["退款", ""]),
    ],
)  # fmt: skip
def test_a_label_is_what_tells_documents_apart(documents, labels):
    assert label_documents([chunk(uri, title) for uri, title in documents]) == labels
