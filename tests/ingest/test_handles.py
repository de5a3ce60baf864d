"""Too many open files is no reason to skip a document, and so to let go of it."""

import os
import resource
from contextlib import contextmanager

import pytest

from ingest.errors import Unreadable
from ingest.originals import digest_file
from ingest.source_changes import _read_sidecar_cheaply
from ingest.validity import SIDECAR


@contextmanager
def no_handle_left():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    handle = os.open("/dev/null", os.O_RDONLY)  # the lowest number that is free
    os.close(handle)
    resource.setrlimit(resource.RLIMIT_NOFILE, (handle, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_document_is_not_skipped_when_no_file_can_be_opened(tmp_path):
    file = tmp_path / "a.md"
    file.write_text("words")
    (tmp_path / f"a.md{SIDECAR}").write_text('version = "1"')
    with no_handle_left():
        with pytest.raises(OSError, match="Too many open files"):
            digest_file(file, limit=1)
        with pytest.raises(OSError, match="Too many open files"):
            _read_sidecar_cheaply(file, real=False)
    with pytest.raises(Unreadable):
        digest_file(tmp_path, limit=1)
