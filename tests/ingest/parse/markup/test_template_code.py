"""Templates are read as the pages that they are: no code is text."""

import pytest
from document_checks import said, sound

from ingest.parse import registry

PAGES = {
    "shop.php": "<?php include 'a.php'; ?>\n<div>\n  <h2>Fees</h2>\n  <?php if ($a > 1): ?>\n    <p>Two <?= $b ?>euros.</p>"
    "\n  <?php endif; ?>\n</div>\n<?php include 'b.php';\necho '<p>bye</p>';",
    "shop.blade.php": "@extends('layout')\n@section('main')\n<h2>Fees</h2>\n<p>Two {{ $b }}euros.</p>\n@endsection\n",
    "shop.jsp": '<%@ page import="a" %>\n<%-- <p>no</p> --%>\n<h2>Fees</h2><c:set var="a" value="b"/>'
    '\n<c:if test="${a}"><p>Two ${b}euros.</p></c:if>',
    "shop.twig": '{% extends "base" %}\n{# no #}\n{% block a %}<h2>Fees</h2><p>Two {{ b }}euros.</p>{% endblock %}',
    "shop.html": "{% load static %}\n<h2>Fees</h2><p>Two {{ b }}euros.</p>",
    "shop.hbs": "{{!-- no --}}<h2>Fees</h2>{{#if a}}<p>Two {{{b}}}euros.</p>{{/if}}",
    "shop.tpl": "{* no *}{if $a}<h2>Fees</h2>{/if}<p>Two {$b}euros.</p>",
    "shop": "<!-- a -->\n<?php go() ?><section>\n        <h2>Fees</h2>\n        <p>Two euros.</p>"
    "\n<img src='data:image/png;base64,iVBORw0KGgo'></section>",
}


@pytest.mark.parametrize("name", PAGES)
def test_a_template_is_its_page(name):
    document = sound(registry.parse_document(PAGES[name].encode(), name))
    assert document.media_type == "text/html"
    assert said(document) == ["Fees", "Two euros."]


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a.jsp", "<%= hours %>"),
        ("a.php", "<?php echo $hours ?>"),
        ("a.php", "<?= $hours ?>"),
        ("a.jsp", "${hours}"),
        ("a.twig", "{{ hours }}"),
        ("a.tpl", "{$hours}"),
    ],
)
def test_what_code_would_have_written_is_noted(name, shown):
    body = (
        f"<div><h2>Fees</h2><script>go('{shown}')</script><a href='{shown}'>Open</a>"
        f"<p>Until {shown} o'clock, or {shown}.</p><p title='{shown}'>Then <% if (a) %> not.</p></div>"
    )
    document = sound(registry.parse_document(body.encode(), name))
    assert document.notes == ("2 expressions of code were left out",)
    assert said(document)[-2:] == ["Until o'clock, or .", "Then not."]


def test_a_page_that_shows_such_code_keeps_it():
    body = b"<html><body><p>Write {{ name }} there.</p><pre>&lt;?php go();</pre><p>End</p></body></html>"
    document = sound(registry.parse_document(body, "a.html"))
    assert said(document) == ["Write {{ name }} there.", "<?php go();", "End"]
