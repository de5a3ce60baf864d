"""Nobody sees what their groups do not allow, and everybody finds what they do."""

import pytest

from ragdesk.web import document_list
from tests.resilience import tenants


@pytest.mark.parametrize("world", [0, pytest.param(1, marks=pytest.mark.real)])
def test_no_canary_reaches_a_key_that_may_not_see_it(tmp_path, world):
    seen = tenants.live(tmp_path, [7, world])

    assert seen.leaks == []
    assert seen.missed == []
    assert min(seen.forbidden, seen.permitted) > 20


def test_a_list_that_forgets_to_ask_is_caught(tmp_path, monkeypatch):
    monkeypatch.setattr(document_list, "is_visible", lambda *_: True)
    assert tenants.live(tmp_path, [7, 0], most=3).leaks
