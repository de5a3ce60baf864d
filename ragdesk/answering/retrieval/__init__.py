"""The retrieval of passages for a question. Read retriever.py first, then result.py."""
