"""The inverted index and BM25. Read ranking.py first; index_writer.py writes its files."""
