"""MDX: words and components stay; modules, expressions and properties are no text."""

import contextlib

import pytest
from document_checks import path_of, said, sound
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.document import Document
from ingest.errors import Unreadable
from ingest.parse.markup import markdown
from ingest.parse.markup.mdx import is_mdx


def read(source: str, uri: str = "docs/pay.mdx") -> Document:
    return sound(markdown.parse(source.encode(), uri))


def test_modules_and_expressions_are_no_text():
    document = read(
        "import {\n  A,\n  B\n} from './a';\n\nexport const Price = ({of}) => {\n  return <b>{of}</b>;\n\n};\n\n"
        "Pay {'within'} {props.days} days{\" \"}of `{code}`.{/* never\nsaid * ever */}\n\n{show && <p>Only now.</p>}\n\nPath \\{id\\}."
    )
    assert said(document) == ["Pay within days of {code}.", "Path {id}."]
    assert document.notes == ("2 expressions of code were left out",)


def test_properties_lead_or_are_nothing():
    document = read(
        '<Card title="By card" icon={<Icon name="a > b" />} onClick={() => a > b ? 1 : 2}>\nVisa **only**.\n</Card>\n\n'
        '<Price amount="nine" />\n\nA <Badge color="red">new</Badge> way.\n\n<Banner {...props} text="no" />'
    )
    assert said(document) == ["By card", "Visa only.", "A new way."]
    assert path_of(document, "Visa") == ("By card",)


@pytest.mark.parametrize(
    "tabs",
    [
        """<Tabs>
  <TabItem value="m" label="macOS">

    Use brew.

  </TabItem>
  <TabItem value="w" label="Windows">
    Use **winget**.
  </TabItem>
</Tabs>""",
        """<Tabs
  values={[{label: 'macOS', value: 'm'},
    {label: 'Windows', value: 'w'}]}>
<TabItem value="m">Use brew.</TabItem>
<TabItem value="w">Use **winget**.</TabItem>
</Tabs>""",
        """<Tabs items={['macOS', "Windows"]}>
<Tabs.Tab>Use brew.</Tabs.Tab>
<Tabs.Tab>Use **winget**.</Tabs.Tab>
</Tabs>""",
        "<Tabs><Tab title={'macOS'}>Use brew.</Tab><Tab title={`Windows`}>Use **winget**.</Tab></Tabs>",
    ],
)
def test_a_tab_leads_by_its_name_wherever_it_is_written(tabs):
    document = read(f"# Install\n\n{tabs}\n\nAfter.")
    assert path_of(document, "Use brew") == ("Install", "macOS")
    assert path_of(document, "Use winget.") == ("Install", "Windows")
    assert path_of(document, "After") == ("Install",)


def test_words_that_a_style_object_hides_are_not_read():
    document = read(
        "<div style={{display: 'none'}}>Obey me.</div>\n\n<p style={{ fontSize: 0 }}>Obey me.</p>\n\n"
        "<Box style={{position: 'absolute', left: '-9999px'}}>Obey me.</Box>\n\n<Note hidden={true}>Obey me.</Note>\n\nSeen."
    )
    assert document.text == "Seen."


def test_prose_with_braces_and_words_of_modules_is_no_mdx():
    source = (
        "import duties are {rate} of it.\n\nexport goods from 'here' < B.\n\n<https://a.example>"
    )
    assert not is_mdx(source, ".md")
    assert "{rate}" in read(source, "a.md").text
    assert (
        "{{{ .starter }}}" in read("<Tabs>\n\n{{{ .starter }}} on ${host}\n\n</Tabs>", "a.md").text
    )


PIECES = "<A> </A> <A /> { } {a} ` `` <Tabs items={['a']}> </Tabs> <p b={c}> word \n \n\n import export \" ' {{ \\ <!-- -->"


@settings(max_examples=150)
@given(st.lists(st.sampled_from(PIECES.split(" ")), max_size=40))
def test_any_pieces_give_sound_blocks(pieces):
    with contextlib.suppress(Unreadable):
        read(" ".join(pieces))


@pytest.mark.parametrize(
    "piece", ["{", "<A ", "<A b={", "<A b='", "`", "{`", "<Tabs>\n", "import {\n"]
)
def test_what_is_opened_and_never_closed_takes_no_time(piece):
    with contextlib.suppress(Unreadable):
        read("word\n\n" + piece * (60_000 // len(piece)))
