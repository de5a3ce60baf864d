"""Embedding of texts. Read embedder.py first; `on_*.py` run the same model on other engines."""
