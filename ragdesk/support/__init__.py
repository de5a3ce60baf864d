"""People around the answers."""
