"""Containers of MkDocs, Docusaurus, GitBook and others: their words, led by their names."""

import pytest
from document_checks import asked, path_of, said, sound

from ingest.document import Document
from ingest.errors import Unreadable
from ingest.parse.markup import markdown


def read(source: str, uri: str = "docs/pump.md") -> Document:
    return sound(markdown.parse(source.encode(), uri))


def test_what_mkdocs_indents_is_text_led_by_its_title_or_tab():
    document = read(
        '# Pump\n\n!!! danger "High pressure"\n    Close the valve first.\n\n    ```sh\n    valve --close\n    ```\n'
        '\n=== "Model A"\n\n    Fill **two** litres.\n\n=== "Model B"\n\n    1. Fill three.\n    2. Wait.\n'
        '\n??? question "Is it loud?"\n    No.\n\n!!! tip\n    Oil it.\nAfter.'
    )
    assert said(document) == [
        "Pump",
        "High pressure",
        "Close the valve first.",
        "valve --close",
        "Model A",
        "Fill two litres.",
        "Model B",
        "1. Fill three.\n2. Wait.",
        "Is it loud?\n\nNo.",
        "Oil it.",
        "After.",
    ]
    assert path_of(document, "valve") == ("Pump", "High pressure")
    assert path_of(document, "1. Fill") == ("Pump", "Model B")
    assert path_of(document, "After") == ("Pump",)
    assert asked(document) == ["Is it loud?"]


def test_a_container_in_a_list_stays_at_its_step():
    document = read('1. Open\n\n    !!! note "Mind"\n        The cap is hot.\n\n2. Close')
    assert said(document) == ["1. Open", "Mind", "The cap is hot.", "2. Close"]
    assert path_of(document, "2. Close") == ()


@pytest.mark.parametrize(
    ("opening", "lead"),
    [
        (":::warning Hot *cap*", "Hot cap"),
        (":::note[Hot cap]{#id}", "Hot cap"),
        ('::: {.callout-note title="Hot cap"}', "Hot cap"),
        ("::: details Hot cap", "Hot cap"),
        (":::info", ""),
        (":::提示", ""),
    ],
)
def test_directives_lead_by_their_titles_and_are_no_text(opening, lead):
    document = read(f"Before.\n\n{opening}\nLet it **cool**.\n:::\n\nAfter.")
    assert said(document) == ["Before.", *filter(None, [lead]), "Let it cool.", "After."]
    assert path_of(document, "Let it") == tuple(filter(None, [lead]))


def test_directives_nest_and_unclosed_ones_stay_text():
    document = read(
        "::::: tabs\n:::: tab One\nfirst\n::: tip Inner\ndeep\n:::\n::::\n:::: tab Two\nsecond\n::::\n:::::"
    )
    assert path_of(document, "deep") == ("One", "Inner")
    assert path_of(document, "second") == ("Two",)
    assert said(read(":::tip Never closed\nText.")) == ["Never closed", "Text."]


def test_marks_of_gitbook_hugo_and_callouts():
    document = read(
        '{% tabs %}\n{% tab title="Cloud" %}\nIn the cloud.\n{% endtab %}\n{% endtabs %}\n'
        '{{< tab "Server" >}}\nOn a server.\n{{< /tab >}}\n\n> [!faq]- Why so\n> Because.\n\n'
        "## Last {: #last }\n\n[Go](x.md){ .button } :material-check: now\n\n--8<-- 'other.md'"
    )
    assert said(document) == [
        "Cloud",
        "In the cloud.",
        "Server",
        "On a server.",
        "Why so Because.",
        "Last",
        "Go now",
    ]


def test_diagrams_are_left_out_and_counted():
    document = read("Before.\n\n```mermaid\ngraph TD; A --> B;\n```\n\n```sql\nselect 1\n```\n")
    assert said(document) == ["Before.", "select 1"]
    assert document.notes == ("1 diagram written as code was left out",)


def test_exports_of_chinese_wikis_and_notion():
    document = read(
        '<a name="Ab1"></a>\n## 费用\n\n<font style="color:rgb(38,38,38);">运费**十元**。</font>\n\n'
        '<callout emoji="💡">\n满 **99 元** 免运费\n</callout>\n\n<aside>\n💡 请*提前*下单\n\n</aside>\n\n'
        "<lark-table><lark-tr><lark-td>\n\n地区\n\n</lark-td><lark-td>**价格**</lark-td></lark-tr>"
        "<lark-tr><lark-td>北京</lark-td><lark-td>9 元</lark-td></lark-tr></lark-table>\n"
    )
    assert said(document) == [
        "费用",
        "运费十元。",
        "满 99 元 免运费",
        "💡 请提前下单",
        "地区 | 价格\n北京 | 9 元",
    ]


def test_details_keep_their_markdown():
    document = read(
        "<details>\n<summary>Can I pay later?</summary>\n**Yes**, with an invoice.\n\n</details>"
    )
    assert said(document) == ["Can I pay later?\n\nYes, with an invoice."]


@pytest.mark.parametrize(
    "source",
    [
        "".join(f'{"    " * n}!!! note "n{n}"\n' for n in range(200)) + "    " * 200 + "deep",
        ":::tip\n" * 2_000 + "deep\n" + ":::\n" * 2_000,
        '=== "A"\n' * 5_000 + "    deep",
        "```mermaid\n" * 5_000 + "deep",
    ],
)
def test_absurd_nesting_takes_no_time(source):
    try:
        assert "deep" in read(f"Text.\n\n{source}\n").text or "mermaid" in source
    except Unreadable as error:
        assert "nested" in str(error)  # noqa: PT017 (either is right)
