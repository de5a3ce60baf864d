"""Small sentence encoders of random weights, saved the way sentence-transformers saves them."""

from pathlib import Path
from typing import Any

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "refund", "card", "days", "a", "query", ":"]


def tiny_bert(folder: Path, *, pooling: str = "cls", unit: bool = False, **config: Any) -> Path:
    """Save a BERT of two layers; its vectors are 32 numbers. config: other settings of BERT."""
    import torch  # noqa: PLC0415 - seconds, for the tests that need it
    import transformers  # noqa: PLC0415
    from sentence_transformers import SentenceTransformer  # noqa: PLC0415
    from sentence_transformers.sentence_transformer import modules  # noqa: PLC0415

    bare = folder.with_name(f"{folder.name}-bare")
    bare.mkdir(parents=True)
    (bare / "vocab.txt").write_text("\n".join(WORDS))
    torch.manual_seed(1)
    sizes = {
        "vocab_size": len(WORDS),
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "intermediate_size": 64,
        "max_position_embeddings": 64,
        "initializer_range": 0.5,
    }
    transformers.BertModel(transformers.BertConfig(**sizes | config)).save_pretrained(bare)
    transformers.BertTokenizerFast(vocab_file=str(bare / "vocab.txt")).save_pretrained(bare)
    parts = [
        modules.Transformer(str(bare), max_seq_length=24),
        modules.Pooling(32, pooling_mode=pooling),
        *([modules.Normalize()] if unit else []),
    ]
    SentenceTransformer(modules=parts, device="cpu").save(str(folder))
    return folder
