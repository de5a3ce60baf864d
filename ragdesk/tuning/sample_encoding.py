"""Write samples as tokens, with the tokens in which an answer stands."""

from bisect import bisect_right

from indexes.embedding.unigram_tokenizer import UnigramTokenizer
from indexes.text.sentences import Span
from ragdesk.answering.reading.unit_reader import EncodedPair, encode_pairs
from ragdesk.tuning.on_torch import EncodedSample
from ragdesk.tuning.reader_samples import ReaderSample


def encode_sample(pieces: UnigramTokenizer, sample: ReaderSample) -> EncodedSample:
    """Return a sample as tokens."""
    pairs = tuple(encode_pairs(pieces, sample.question, sample.units))
    spans = tuple(
        span and _place_span(pieces, sample.units[place].text, span, pairs[place])
        for place, span in zip(sample.answers, sample.spans, strict=True)
    )
    return EncodedSample(pairs, sample.answers, spans)


def _place_span(
    pieces: UnigramTokenizer, text: str, span: Span, pair: EncodedPair
) -> tuple[int, int] | None:
    """Find the first and last token of some characters; None where they were cut off."""
    starts = pieces.list_starts(text)
    count = pair.unit[1] - pair.unit[0]
    if len(starts) < count or not starts:  # unknown characters in a row are one token
        return None
    first = max(bisect_right(starts, span[0]) - 1, 0)
    last = max(bisect_right(starts, span[1] - 1) - 1, first)
    return (first, last) if last < count else None
