"""Nothing that leaves over HTTP names a path of the server, however its folders are called."""

import shutil
import time

import pytest
from web_home import serving

from indexes.errors import BaseDamaged, CollectionBusy, IndexDamaged, IndexNotFound, ModelMissing
from ingest.errors import IngestError, MassRemoval, SourceUnreadable, Unreadable
from ingest.validity import read_sidecar, sidecar_path
from ragdesk.errors import HomeUnusable, SettingsError
from ragdesk.support.key_store import KeyStore
from ragdesk.web.problems import error_response

BASE = "/v1/collections/default/documents"
BODY = b"# Cellar\n\nThe cellar is open on Mondays.\n"
FOLDERS = [
    "/srv/My Docs/all plans/a b",
    "/srv/公司 文件/年度 计划",
    '/srv/it\'s "odd" here/the plans',
    "/srv/two\nlines/the plans.",
    "C:\\Users\\A B\\the plans",
    "\\\\host\\share\\the plans",
]
ERRORS = [
    *(BaseDamaged, CollectionBusy, IndexDamaged, IndexNotFound, IngestError, MassRemoval),
    *(SourceUnreadable, HomeUnusable, ModelMissing, SettingsError, OSError, ValueError),
]


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_error_of_the_rooms_below_brings_its_folder_along(folder):
    for cls in ERRORS:
        body = error_response(cls(f"{folder}, see {folder}/CURRENT: cannot be read.")).body.decode()
        for part in ("srv", "plans", "计划", "Users", "share", "CURRENT"):
            assert part not in body, cls


def test_a_sidecar_that_cannot_be_read_names_no_folder(tmp_path):
    file = tmp_path / "a b" / "plan.md"
    file.parent.mkdir()
    sidecar_path(file).symlink_to(file)
    with pytest.raises(Unreadable) as raised:
        read_sidecar(file, real=True)
    assert "a b" not in str(raised.value)


def test_a_damaged_home_of_an_odd_name_is_not_named(published, tmp_path):
    home = shutil.copytree(published, tmp_path / 'Fir ma\'s 公司 "X"\nplan.' / "home")
    keys = KeyStore(home)
    with serving(home, keys) as client:
        for file in [*(home / "collections" / "default" / "segments").rglob("*")]:
            if file.is_file():
                content = file.read_bytes()
                file.unlink()  # the old one is mapped
                file.write_bytes(content[: len(content) // 2])
        put = client.put(f"{BASE}/new.md", content=BODY)
        until = time.monotonic() + 30
        while (job := client.get(put.headers["location"]).json())["finished"] is None:
            assert time.monotonic() < until
            time.sleep(0.02)
        texts = [put.text, str(job), client.get(BASE).text, client.get("/readyz").text]
        texts += [client.get(f"/v1/collections/none/documents/x/{n}").text for n in ("text", "q")]
    keys.close()
    assert job["state"] == "failed"
    for text in texts:
        assert not [part for part in ("ma's", "公司", "plan.") if part in text], text
