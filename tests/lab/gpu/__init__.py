"""What a GPU does for a desk, held against what the same card can do: see ``__main__``."""
