"""Text analysis, known to all rooms.

Scripts, folding, sentences, tokens, quantities, contradictions; all of it pure.
"""
