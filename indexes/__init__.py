"""The index of a collection: chunks, words, vectors, and the generations that publish them."""

from indexes import no_telemetry as no_telemetry  # first: its import has the effect
