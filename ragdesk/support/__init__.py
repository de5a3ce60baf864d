"""Support around the answers: API keys, and who may do what."""
