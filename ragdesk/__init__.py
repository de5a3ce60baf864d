"""Answers from your own documents, with citations you can check."""

from indexes import no_telemetry as no_telemetry  # first: its import has the effect

__version__ = "0.2.0"
