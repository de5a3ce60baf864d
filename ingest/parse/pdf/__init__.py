"""PDF: words from pdfium, lines, reading order, tables, running heads, structure.

Read reader.py first. The layout is ours: each run of text must keep its page and box, in the order
and the words of pdfium, and libraries of layout either read the file a second time in pure Python,
bring a model of their own, or are under the AGPL.
"""
