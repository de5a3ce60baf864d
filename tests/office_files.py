"""Small office documents, written by hand: what other programs write, and what none should."""

import struct
from collections.abc import Mapping

from document_checks import zipped

OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"
WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
STRICT = "http://purl.oclc.org/ooxml/wordprocessingml/main"
SPACES = (
    f'xmlns:w="{WORD}" xmlns:r="{OFFICE}" xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"'
    ' xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main"'
    ' xmlns:c="http://schemas.openxmlformats.org/drawingml/2006/chart"'
    ' xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math"'
    ' xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006"'
    ' xmlns:wp="http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing"'
)
STYLES = f"""<w:styles {SPACES}>
<w:style w:styleId="T"><w:name w:val="Title"/></w:style>
<w:style w:styleId="H1"><w:name w:val="heading 1"/></w:style>
<w:style w:styleId="H2"><w:name w:val="Own"/><w:pPr><w:outlineLvl w:val="1"/></w:pPr></w:style>
<w:style w:styleId="H2b"><w:name w:val="Child"/><w:basedOn w:val="H2"/></w:style>
<w:style w:styleId="L"><w:name w:val="List Bullet"/><w:pPr><w:numPr><w:numId w:val="2"/></w:numPr></w:pPr></w:style>
<w:style w:styleId="C"><w:name w:val="Source Code"/></w:style></w:styles>"""
NUMBERING = f"""<w:numbering {SPACES}>
<w:abstractNum w:abstractNumId="0"><w:lvl w:ilvl="0"><w:start w:val="1"/><w:numFmt w:val="decimal"/><w:lvlText w:val="%1."/></w:lvl>
<w:lvl w:ilvl="1"><w:start w:val="1"/><w:numFmt w:val="lowerLetter"/><w:lvlText w:val="(%2)"/></w:lvl></w:abstractNum>
<w:abstractNum w:abstractNumId="1"><w:lvl w:ilvl="0"><w:numFmt w:val="bullet"/><w:lvlText w:val="•"/></w:lvl></w:abstractNum>
<w:num w:numId="1"><w:abstractNumId w:val="0"/></w:num><w:num w:numId="2"><w:abstractNumId w:val="1"/></w:num>
<w:num w:numId="3"><w:abstractNumId w:val="0"/><w:lvlOverride w:ilvl="0"><w:startOverride w:val="1"/></w:lvlOverride></w:num></w:numbering>"""


def relations(targets: Mapping[str, str]) -> str:
    """Relate a part to others: target → kind."""
    lines = (
        f'<Relationship Id="r{n}" Type="{OFFICE}/{kind}" Target="{target}"/>'
        for n, (target, kind) in enumerate(targets.items(), start=1)
    )
    return f'<Relationships xmlns="{PACKAGE}">{"".join(lines)}</Relationships>'


def word(
    body: str, *, head: str = "", more: Mapping[str, str] | None = None, strict: bool = False
) -> bytes:
    """Make a Word document of the markup of its body."""
    spaces = SPACES.replace(WORD, STRICT) if strict else SPACES
    parts = {"styles.xml": "styles", "numbering.xml": "numbering", "footnotes.xml": "footnotes"}
    notes = (
        f'<w:footnotes {SPACES}><w:footnote w:id="1">{par("A note.")}</w:footnote></w:footnotes>'
    )
    return zipped(
        {
            "_rels/.rels": relations(
                {
                    "word/document.xml": "officeDocument",
                    "docProps/core.xml": "metadata/core-properties",
                }
            ),
            "docProps/core.xml": '<c xmlns:d="u"><d:title>Kept title</d:title></c>',
            "word/document.xml": f"{head}<w:document {spaces}><w:body>{body}</w:body></w:document>",
            "word/_rels/document.xml.rels": relations(parts),
            "word/styles.xml": STYLES,
            "word/numbering.xml": NUMBERING,
            "word/footnotes.xml": notes,
            **(more or {}),
        }
    )


def par(text: str, style: str = "", own: str = "") -> str:
    """Write a paragraph of a Word document."""
    named = f'<w:pStyle w:val="{style}"/>' if style else ""
    return f"<w:p><w:pPr>{named}{own}</w:pPr>{run(text)}</w:p>"


def run(text: str) -> str:
    return f"<w:r><w:t>{text}</w:t></w:r>"


def listed(number: int, depth: int = 0) -> str:
    return f'<w:numPr><w:ilvl w:val="{depth}"/><w:numId w:val="{number}"/></w:numPr>'


def cell(*blocks: str, own: str = "") -> str:
    return f"<w:tc><w:tcPr>{own}</w:tcPr>{''.join(blocks)}</w:tc>"


def slide(*shapes: str) -> str:
    return f"<p:sld {SPACES}><p:cSld><p:spTree>{''.join(shapes)}</p:spTree></p:cSld></p:sld>"


def shape(*texts: str, holder: str | None = None, hidden: bool = False) -> str:
    """Write a shape of a slide; holder: the placeholder it fills."""
    fills = "" if holder is None else f'<p:ph type="{holder}"/>'
    name = f'<p:cNvPr id="1" name="x" hidden="{int(hidden)}"/>'
    lines = "".join(f"<a:p><a:r><a:t>{text}</a:t></a:r></a:p>" for text in texts)
    return f"<p:sp><p:nvSpPr>{name}<p:nvPr>{fills}</p:nvPr></p:nvSpPr><p:txBody>{lines}</p:txBody></p:sp>"


def deck(*slides: str, more: Mapping[str, str] | None = None) -> bytes:
    """Make a presentation; slides are listed in their order."""
    names = {f"slides/slide{n}.xml": "slide" for n in range(1, len(slides) + 1)}
    order = "".join(f'<p:sldId id="{255 + n}" r:id="r{n}"/>' for n in range(1, len(slides) + 1))
    return zipped(
        {
            "_rels/.rels": relations({"ppt/presentation.xml": "officeDocument"}),
            "ppt/presentation.xml": f"<p:presentation {SPACES}><p:sldIdLst>{order}</p:sldIdLst></p:presentation>",
            "ppt/_rels/presentation.xml.rels": relations(names),
            **{f"ppt/slides/slide{n}.xml": one for n, one in enumerate(slides, start=1)},
            **(more or {}),
        }
    )


def old_workbook(name: str, rows: list[list[str | float]], *, merges: bytes = b"") -> bytes:
    """Make an Excel 97 workbook of one sheet: records (BIFF8) in a compound file.

    merges: first and last row, first and last column of each, as four 16-bit numbers.
    """

    def record(kind: int, data: bytes) -> bytes:
        return struct.pack("<HH", kind, len(data)) + data

    def begin(kind: int) -> bytes:
        return record(0x809, struct.pack("<HHHHII", 0x600, kind, 0, 1997, 0, 6))

    sheet = begin(0x10)
    for y, row in enumerate(rows):
        for x, value in enumerate(row):
            place = struct.pack("<HHH", y, x, 0)
            if isinstance(value, str):
                words = value.encode("utf-16-le")
                sheet += record(0x204, place + struct.pack("<HB", len(value), 1) + words)
            else:
                sheet += record(0x203, place + struct.pack("<d", value))
    if merges:
        sheet += record(0xE5, struct.pack("<H", len(merges) // 8) + merges)
    head = begin(0x5) + record(0x42, struct.pack("<H", 1200))
    listed_sheet = struct.pack("<BB", 0, 0) + bytes([len(name), 0]) + name.encode("latin-1")
    start = len(head) + 4 + 4 + len(listed_sheet) + 4
    stream = head + record(0x85, struct.pack("<I", start) + listed_sheet) + record(0xA, b"")
    return compound_file("Workbook", stream + sheet + record(0xA, b""))


def compound_file(name: str, stream: bytes) -> bytes:
    """Make a compound file (MS-CFB) with one stream."""
    stream = stream.ljust(-(-max(len(stream), 4096) // 512) * 512, b"\0")
    sectors = len(stream) // 512
    free, end = 0xFFFFFFFF, 0xFFFFFFFE
    chain = [0xFFFFFFFD, end, *range(3, sectors + 2), end]
    table = struct.pack("<128I", *chain, *[free] * (128 - len(chain)))

    def entry(title: str, kind: int, child: int, first: int, size: int) -> bytes:
        words = title.encode("utf-16-le")
        return struct.pack(
            "<64sHBBIII16sIQQIQ", words, len(words) + 2, kind, 1, free, free, child,
            b"", 0, 0, 0, first, size,
        )  # fmt: skip

    folder = entry("Root Entry", 5, 1, end, 0) + entry(name, 2, free, 2, len(stream))
    head = struct.pack(
        "<8s16sHHHHH6sIIIIIIIIII", bytes.fromhex("d0cf11e0a1b11ae1"), b"", 62, 3, 0xFFFE, 9, 6,
        b"", 0, 1, 1, 0, 4096, end, 0, end, 0, 0,
    ) + struct.pack("<108I", *[free] * 108)  # fmt: skip
    return head + table + folder.ljust(512, b"\0") + stream


def open_document_sheet(rows: str, *, styles: str = "", tables: str = "") -> bytes:
    """Make an OpenDocument spreadsheet of the markup of its rows. tables: further sheets."""
    spaces = " ".join(
        f'xmlns:{short}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
        for short, name in (("o", "office"), ("t", "table"), ("x", "text"), ("s", "style"))
    )
    body = f'<t:table t:name="Rates">{rows}</t:table>{tables}'
    return zipped(
        {
            "mimetype": "application/vnd.oasis.opendocument.spreadsheet",
            "content.xml": f"<o:document-content {spaces}><o:automatic-styles>{styles}"
            f"</o:automatic-styles><o:body><o:spreadsheet>{body}</o:spreadsheet></o:body>"
            "</o:document-content>",
        }
    )


def word_with(body: str, related: Mapping[str, tuple[str, str]]) -> bytes:
    """Make a Word document with further parts, by name: their kind and markup; ids begin at r4."""
    parts = {"styles.xml": "styles", "numbering.xml": "numbering", "footnotes.xml": "footnotes"}
    links = relations(parts | {name: kind for name, (kind, _) in related.items()})
    files = {f"word/{name}": f"{markup}" for name, (_, markup) in related.items()}
    return word(body, more={"word/_rels/document.xml.rels": links, **files})


def part(name: str, inner: str) -> str:
    """Write a part of a Word document by the name of its root: ``hdr``, ``ftr``, ``comments``."""
    return f"<w:{name} {SPACES}>{inner}</w:{name}>"


def strong(text: str, size: int = 0) -> str:
    """Write a bold paragraph of a Word document; size: in half points."""
    big = f'<w:sz w:val="{size}"/>' if size else ""
    return f"<w:p><w:r><w:rPr><w:b/>{big}</w:rPr><w:t>{text}</w:t></w:r></w:p>"


def diagram(*points: str, links: str = "", kinds: Mapping[str, str] | None = None) -> str:
    """Write the model of a SmartArt drawing; points are numbered from 1. kinds: of some of them."""
    written = "".join(
        f'<d:pt modelId="{n}" type="{(kinds or {}).get(str(n), "node")}"><d:t><a:p><a:r><a:t>{text}</a:t></a:r></a:p></d:t></d:pt>'
        for n, text in enumerate(points, start=1)
    )
    return f'<d:dataModel xmlns:d="u" {SPACES}><d:ptLst>{written}</d:ptLst><d:cxnLst>{links}</d:cxnLst></d:dataModel>'


def smart_art(relation: str) -> str:
    """Write the frame that shows a SmartArt drawing."""
    return f'<a:graphic><a:graphicData><d:relIds xmlns:d="u" r:dm="{relation}"/></a:graphicData></a:graphic>'
