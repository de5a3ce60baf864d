"""Sample the vectors of a generation by language: what its passages look like to a question."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from indexes.mask_cache import MaskCache
from indexes.search_results import Rows, Vectors
from indexes.store.row_languages import ROW_LANGUAGES, encode_languages
from indexes.store.row_layout import RowFlags, RowLayout, SearchMask

SAMPLE_ROWS: Final = 512  # a language: 0.8 MB of 384 dimensions, compared in some 0.05 ms
_SAMPLES: Final = 16  # masks whose samples are kept, as many as rankings (``access_masks``)
_MASKS: Final = 32  # entry flags kept, a byte an entry: of eight filters, two languages, FAQ or not


class VectorSamples:
    """Samples and languages of the rows of one generation. Any thread may call."""

    def __init__(self, layout: RowLayout) -> None:
        self._layout = layout
        self._samples: MaskCache[Mapping[str, Vectors]] = MaskCache(_SAMPLES)
        self._entries: MaskCache[Sequence[RowFlags]] = MaskCache(_MASKS)

    def sample_vectors(self, mask: SearchMask) -> Mapping[str, Vectors]:
        """Return vectors (n, dim) of rows that a mask lets through, evenly spaced, by language.

        At most ``SAMPLE_ROWS`` a language; one without any vector is missing.
        """
        return self._samples.find_or_make(mask, None, lambda: self._take_samples(mask))

    def mark_entries(
        self, mask: SearchMask, languages: frozenset[str], *, questions: bool
    ) -> Sequence[RowFlags]:
        """Return flags, per segment, of the entries in some languages that a mask lets through.

        questions: of FAQ questions only. A filter's flags are kept, as nothing that is done at
        each question may grow with the rows.
        """

        def make() -> Sequence[RowFlags]:
            own = self._layout.extend_mask(mask.chunks & self.mark_languages(languages))
            return self._layout.select_questions(own) if questions else own.entries

        if mask.where is None:  # flags that somebody has put together come but once
            return make()
        return self._entries.find_or_make(mask, (languages, questions), make)

    def mark_languages(self, languages: frozenset[str]) -> RowFlags:
        """Return flags set for the chunk rows in some languages."""
        table = np.zeros(np.iinfo(np.uint8).max + 1, np.bool_)
        table[encode_languages(sorted(languages.intersection(ROW_LANGUAGES)))] = True
        flags = [table[segment.languages] for segment in self._layout.segments]
        return np.concatenate([np.empty(0, np.bool_), *flags])

    def name_languages(self, rows: Rows) -> list[str]:
        """Return the languages of some chunk rows (n,)."""
        codes = np.zeros(len(rows), dtype=np.uint8)
        for i, places, own in self._layout.split_rows(rows):
            codes[places] = self._layout.segments[i].languages[own]
        return [ROW_LANGUAGES[code] if code < len(ROW_LANGUAGES) else "und" for code in codes]

    def _take_samples(self, mask: SearchMask) -> Mapping[str, Vectors]:
        samples = {}
        for language in ROW_LANGUAGES:
            rows = np.flatnonzero(mask.chunks & self.mark_languages(frozenset((language,))))
            if len(vectors := self._read_vectors(_space_evenly(rows))):
                samples[language] = vectors
        return samples

    def _read_vectors(self, rows: Rows) -> Vectors:
        """Copy the vectors of the whole of each chunk: the first of its entries."""
        parts: list[Vectors] = []
        for i, places, own in self._layout.split_rows(rows):
            segment = self._layout.segments[i]
            first = np.searchsorted(segment.owners, own[np.argsort(places)].astype(np.uint32))
            parts.append(segment.dense.vectors_of_rows(first.astype(np.int64)))
        return np.concatenate(parts) if parts else np.empty((0, 0), np.float32)


def _space_evenly(rows: Rows) -> Rows:
    if len(rows) <= SAMPLE_ROWS:
        return rows
    return rows[np.arange(SAMPLE_ROWS) * len(rows) // SAMPLE_ROWS]
