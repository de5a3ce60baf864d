"""The ingest of documents: sources, parsers, splitter, job."""

from indexes import no_telemetry as no_telemetry  # first: its import has the effect
