"""What can be found: chunks, vectors, words, and the generations that publish them."""
