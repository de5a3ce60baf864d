"""A question's way: retrieve, ground, answer, cite, verify, decide."""
