"""HTML, Markdown and e-books."""
