"""The folder of models is the operator's, else the user's, else the home's."""

import sys

import pytest

from ragdesk.model_cache_folder import find_model_cache


def test_the_first_folder_that_can_be_written_is_taken(tmp_path):
    home = tmp_path / "desk"
    named = find_model_cache(str(tmp_path / "shared"), home, {"XDG_CACHE_HOME": str(tmp_path)})
    assert named == tmp_path / "shared"
    xdg = {"XDG_CACHE_HOME": str(tmp_path / "xdg"), "HOME": str(tmp_path)}
    assert find_model_cache("", home, xdg) == tmp_path / "xdg" / "ragdesk"
    assert find_model_cache("", home, {"XDG_CACHE_HOME": "relative"}) == home / "models"
    assert find_model_cache("", home, {}) == home / "models"


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS has another cache folder")
def test_a_user_without_a_writable_cache_shares_the_home(tmp_path):
    assert find_model_cache("", tmp_path / "desk", {"HOME": str(tmp_path)}) == (
        tmp_path / ".cache" / "ragdesk"
    )
    (tmp_path / "file").touch()
    blocked = {"HOME": str(tmp_path / "file")}
    assert find_model_cache("", tmp_path / "desk", blocked) == tmp_path / "desk" / "models"
