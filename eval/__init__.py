"""The ruler: measures any answer engine."""
