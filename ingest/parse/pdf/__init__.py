"""PDF: words from pdfium, lines, reading order, tables, running heads, structure.

Read reader.py first.
"""
