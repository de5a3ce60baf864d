"""Have LibreOffice convert documents and compute workbooks, in a process and a profile for each.

What comes out is as little believed as what went in: a limited child parses it like any other.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from ingest.document import Raw
from ingest.parse.office.conversions import WORKBOOK_COPY, Conversion
from ingest.parse.office.recalculation_state import RecalculationState
from ingest.safe_open import open_regular_file
from ingest.sandbox.office_launcher import MOST_SECONDS, NO_ISOLATION

WALL_SECONDS = 120.0
_RESTART = 81  # what it ends with once it has made its profile: to be started again
_PROGRAM_FOLDERS = ("/usr/lib/libreoffice/program", "/usr/lib64/libreoffice/program")
_PROGRAM_PATTERN = "libreoffice*/program"  # below /opt
_STEP = 1 << 20  # bytes
_DAMAGED = "LibreOffice cannot read it: damaged, in another format, or it asks for a password"
_NOT_COMPUTED = "LibreOffice ended without a result"
# No macros, no links that fetch anything when a document is opened; all formulas computed anew.
_PROFILE = """<?xml version="1.0" encoding="UTF-8"?>
<oor:items xmlns:oor="http://openoffice.org/2001/registry">
<item oor:path="/org.openoffice.Office.Common/Security/Scripting">
<prop oor:name="MacroSecurityLevel" oor:op="fuse"><value>3</value></prop>
<prop oor:name="DisableMacrosExecution" oor:op="fuse"><value>true</value></prop>
<prop oor:name="BlockUntrustedRefererLinks" oor:op="fuse"><value>true</value></prop></item>
<item oor:path="/org.openoffice.Office.Writer/Content/Update">
<prop oor:name="Link" oor:op="fuse"><value>2</value></prop></item>
<item oor:path="/org.openoffice.Office.Calc/Content/Update">
<prop oor:name="Link" oor:op="fuse"><value>2</value></prop></item>
<item oor:path="/org.openoffice.Office.Calc/Formula/Load">
<prop oor:name="OOXMLRecalcMode" oor:op="fuse"><value>0</value></prop></item>
</oor:items>
"""


class ConversionFailed(Exception):
    """A document that LibreOffice did not convert. Its message is the reason a person reads."""


def find_libreoffice(choice: str = "auto") -> Path | None:
    """Return LibreOffice's program; None where there is none, or it cannot be used safely.

    choice: ``auto``, ``none``, or the path of a program.
    """
    if choice == "none" or sys.platform != "linux":
        return None
    if choice != "auto":
        return Path(choice)
    folders = [Path(folder) for folder in _PROGRAM_FOLDERS]
    folders += sorted(Path("/opt").glob(_PROGRAM_PATTERN), reverse=True)
    started = shutil.which("soffice") or shutil.which("libreoffice")
    if started:
        folders.insert(0, Path(started).resolve().parent)
    programs = (folder / "soffice.bin" for folder in folders)
    return next((program for program in programs if os.access(program, os.X_OK)), None)


def explain_choice(choice: str) -> str:
    """Return why the program that the settings name cannot be started; nothing for a good one."""
    if choice in ("auto", "none") or sys.platform != "linux":
        return ""
    if Path(choice).is_file() and os.access(choice, os.X_OK):
        return ""
    return f"[guard] libreoffice names no program that can be started: {choice}"


def list_office_parts(program: Path) -> tuple[str, ...]:
    """Return which parts of LibreOffice are installed beside its program, by their names."""
    libraries = {"writer": "libswlo.so", "impress": "libsdlo.so", "calc": "libsclo.so"}
    return tuple(part for part, name in libraries.items() if (program.parent / name).exists())


def find_formula_state(choice: str) -> RecalculationState:
    """Tell whether LibreOffice computes formulas here. choice: as in ``find_libreoffice``."""
    if choice == "none" or sys.platform != "linux":
        return "unwanted"
    program = find_libreoffice(choice)
    return "ask" if program and "calc" in list_office_parts(program) else "missing"


class OfficeConverter:
    """Runs LibreOffice, one document at a time. ``stop`` ends what runs, for good.

    choice: its program, as in ``find_libreoffice``.
    """

    def __init__(self, choice: str) -> None:
        self._choice = choice
        self._one_at_a_time = threading.Lock()
        self._state = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._stopped = False

    @contextlib.contextmanager
    def convert_file(self, raw: Raw, conversion: Conversion) -> Iterator[Path]:
        """Convert a document; its new file is gone after the block. Raises ConversionFailed."""
        with self._convert(lambda source: _copy_file(raw, source), conversion, _DAMAGED) as file:
            yield file

    @contextlib.contextmanager
    def compute_workbook(self, workbook: bytes) -> Iterator[Path]:
        """Have the formulas of a workbook computed: as ``convert_file``, with the same limits."""
        write_source = partial(Path.write_bytes, data=workbook)
        with self._convert(write_source, WORKBOOK_COPY, _NOT_COMPUTED) as file:
            yield file

    @contextlib.contextmanager
    def _convert(
        self, write_source: Callable[[Path], object], conversion: Conversion, failure: str
    ) -> Iterator[Path]:
        if refusal := explain_choice(self._choice):
            raise ConversionFailed(refusal)
        program = find_libreoffice(self._choice)
        if program is None:
            raise ConversionFailed(conversion.describe_absence())
        with tempfile.TemporaryDirectory(
            prefix="ragdesk-office-", ignore_cleanup_errors=True
        ) as name:
            folder = Path(name)
            source = folder / f"source{conversion.suffix}"
            write_source(source)
            settings = folder / "profile/user/registrymodifications.xcu"
            settings.parent.mkdir(parents=True)
            settings.write_text(_PROFILE, encoding="utf-8")
            with self._one_at_a_time:
                self._run_twice(program, folder, source.name, conversion.target)
            result = folder / "out" / f"source.{conversion.target}"
            if result.is_symlink() or not result.is_file():
                raise ConversionFailed(failure)
            yield result

    def stop(self) -> None:
        """End the conversion that runs, and start no further one."""
        with self._state:
            self._stopped = True
            if self._process is not None:
                _kill_group(self._process)

    def _run_twice(self, program: Path, folder: Path, name: str, target: str) -> None:
        """Run the program, and again where it only made its profile."""
        deadline = time.monotonic() + WALL_SECONDS
        for _ in range(2):
            code = self._run_program(program, folder, name, target, deadline)
            if code != _RESTART:
                break
        if code == NO_ISOLATION:
            raise ConversionFailed(
                "LibreOffice is not used, as it cannot be kept from the network here"
            )
        if code == -signal.SIGXCPU:
            raise ConversionFailed(f"LibreOffice took longer than {MOST_SECONDS} s of computing")

    def _run_program(
        self, program: Path, folder: Path, name: str, target: str, deadline: float
    ) -> int:
        command = [
            sys.executable, "-P", "-m", "ingest.sandbox.office_launcher", str(program),
            f"-env:UserInstallation={(folder / 'profile').as_uri()}",
            "--headless", "--norestore", "--nologo", "--nodefault", "--nolockcheck",
            "--convert-to", target, "--outdir", "out", name,
        ]  # fmt: skip
        with self._state:
            if self._stopped:
                raise ConversionFailed("the job was ended")
            self._process = subprocess.Popen(  # noqa: S603 - no shell, and a name of ours
                command,
                cwd=folder,
                env=_office_environment(folder),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        try:
            return self._process.wait(max(deadline - time.monotonic(), 0))
        except subprocess.TimeoutExpired:
            raise ConversionFailed(f"LibreOffice took longer than {WALL_SECONDS:g} s") from None
        finally:
            with self._state:
                _kill_group(self._process)  # with all that it started
                self._process.wait()
                self._process = None


def _copy_file(raw: Raw, target: Path) -> None:
    """Copy a document to where LibreOffice may see it, under a name of ours."""
    try:
        file = open_regular_file(raw.file.absolute(), real=raw.real)
    except OSError as error:
        raise ConversionFailed(f"cannot be read: {error.strerror}") from error
    if file is None:
        raise ConversionFailed("not a file, but a pipe, socket or device")
    with file, target.open("xb") as copy:
        shutil.copyfileobj(file, copy, _STEP)


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def _office_environment(folder: Path) -> dict[str, str]:
    """Return its environment: no secrets of ours, and a home that goes with the document."""
    return {
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "PYTHONUTF8": "1",
        "PATH": "/usr/bin:/bin",
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "LC_ALL": "C.UTF-8",
        "SAL_USE_VCLPLUGIN": "svp",
    }
