"""Commands that measure, and write down what they measured."""

from indexes import no_telemetry as no_telemetry  # first: its import has the effect
