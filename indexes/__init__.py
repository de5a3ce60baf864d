"""What can be found: chunks, vectors, words, and the generations that publish them."""

from indexes import no_telemetry as no_telemetry  # first: its import has the effect
