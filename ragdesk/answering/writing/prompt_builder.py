"""Choose what a model reads: the best passages that fit, in the order in which it reads best."""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ragdesk.answering.writing import prompts
from ragdesk.answering.writing.prompts import Prompt, PromptSource
from ragdesk.answering.writing.writing_options import GroundOptions

CountTokens = Callable[[str], int]
BuildPrompt = Callable[
    [str, str, Sequence[PromptSource], str], Prompt
]  # question, language, found, salt
SENTENCE_CHARACTERS = 500  # characters of a sentence
TEMPLATE_TOKENS = 64  # tokens that a chat template puts around what is said


def estimate_tokens(text: str) -> int:
    """Estimate tokens from above: three letters of Latin script make one, any other character one.

    >>> estimate_tokens("refund policy"), estimate_tokens("退款政策")
    (5, 4)
    """
    latin = sum(map(str.isascii, text))
    return math.ceil(latin / 3) + len(text) - latin


def order_outside_in(passages: Sequence[PromptSource]) -> tuple[PromptSource, ...]:
    """Order the best first, the second best last, and so on: models read the middle worst."""
    return (*passages[::2], *reversed(passages[1::2]))


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptBuilder:
    """Writes prompts for one model.

    count_tokens: of a text. answer_tokens: kept free for what the model writes. sentences: that it
    may write at most. structured: whether the engine can be held to a JSON schema. repairs: whether
    it may be asked to write one of its sentences anew, which takes room too.
    """

    options: GroundOptions
    count_tokens: CountTokens
    answer_tokens: int
    sentences: int
    structured: bool
    repairs: bool = False

    def __call__(
        self, question: str, language: str, passages: Sequence[PromptSource], salt: str = ""
    ) -> Prompt:
        """Write the prompt of a question from the passages found, best first.

        Passages that no longer fit are left out whole.
        """
        system = prompts.format_instructions(language, structured=self.structured)
        ordered = order_outside_in(
            self._select_fitting(question, language, passages, self.count_tokens(system))
        )
        schema = prompts.build_answer_schema(
            len(ordered), sentences=self.sentences, characters=SENTENCE_CHARACTERS
        )
        return Prompt(
            system=system,
            user=prompts.format_question(ordered, question, language),
            passages=tuple(source.passage for source in ordered),
            schema=schema if self.structured and ordered else None,
            salt=salt,
            language=language,
        )

    def _select_fitting(
        self, question: str, language: str, passages: Sequence[PromptSource], system: int
    ) -> list[PromptSource]:
        question_cost = self.count_tokens(prompts.format_question((), question, language))
        free_tokens = (
            self.options.context - self.answer_tokens - TEMPLATE_TOKENS - system - question_cost
        )
        if self.repairs:
            free_tokens -= self.count_tokens(
                prompts.format_repair("", "字" * SENTENCE_CHARACTERS, language)
            )
        chosen: list[PromptSource] = []
        passage_counts: Counter[str] = Counter()
        for source in passages:
            cost = self.count_tokens(prompts.format_passage(len(chosen) + 1, source)) + 2
            document = source.passage.chunk.document
            if cost > free_tokens or passage_counts[document] >= self.options.per_document:
                continue
            chosen.append(source)
            passage_counts[document] += 1
            free_tokens -= cost
            if len(chosen) == self.options.passages:
                break
        return chosen
