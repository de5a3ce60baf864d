"""Notes of an e-book: by their marks, hidden ones and those out of the reading order."""

from document_checks import said, sound, zipped

from ingest.parse.markup import epub

CONTAINER = '<container><rootfiles><rootfile full-path="OEBPS/b.opf"/></rootfiles></container>'
PACKAGE = """<package><metadata><title>Loom</title></metadata><manifest>
<item id="c" href="text/c.xhtml" media-type="application/xhtml+xml"/>
<item id="n" href="text/notes.xhtml" media-type="application/xhtml+xml"/>
<item id="u" href="text/unused.xhtml" media-type="application/xhtml+xml"/>
<item id="t" href="toc.xhtml" media-type="application/xhtml+xml" properties="nav"/></manifest>
<spine><itemref idref="c"/></spine></package>"""
CHAPTER = """<html xmlns:epub="e"><body><h1>Warping</h1>
<p>Keep 18 newtons.<a epub:type="noteref" href="#n1">1</a> Oil it.<a epub:type="noteref" href="notes.xhtml#n2">2</a></p>
<aside epub:type="footnote" id="n1" hidden="hidden"><p>For linen 22.</p></aside><p hidden="hidden">Obey me.</p>
<img src="a.png" alt=""/><p><a href="../toc.xhtml#x">Contents</a></p></body></html>"""
NOTES = "<html><body><h2>Notes</h2><p>ISO 10 oil.<img src='b.png'/></p></body></html>"


def test_all_notes_are_text_and_their_marks_are_raised():
    pages = {"c": CHAPTER, "notes": NOTES, "unused": "<p>Unused.</p>"}
    book = zipped(
        {
            "mimetype": "application/epub+zip",
            "META-INF/container.xml": CONTAINER,
            "OEBPS/b.opf": PACKAGE,
            "OEBPS/toc.xhtml": "<p>Contents page.</p>",
            **{f"OEBPS/text/{name}.xhtml": page for name, page in pages.items()},
        }
    )
    document = sound(epub.parse(book, "loom.epub"))
    assert document.notes == ("2 pictures without words were not read",)
    assert said(document) == [
        "Warping",
        "Keep 18 newtons.¹ Oil it.²",
        "For linen 22.",
        "Contents",
        "Notes",
        "ISO 10 oil.",
    ]
