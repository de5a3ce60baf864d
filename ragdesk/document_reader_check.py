"""The checks of ``ragdesk doctor`` that start what reads documents beside our parsers."""

from collections.abc import Iterator

from ingest.ocr_pages import find_ocr_state
from ingest.sandbox import office_converter
from ingest.sandbox.guard import GuardOptions
from ingest.sandbox.page_reader import check_ocr_start
from ragdesk.installation_check import Finding, find_installed_version, run_checks


def check_document_readers(guard: GuardOptions) -> Iterator[Finding]:
    """Check the programs beside ragdesk that read documents, as the settings want them."""

    def libreoffice() -> Iterator[Finding]:
        yield _check_libreoffice(guard.libreoffice)

    def ocr() -> Iterator[Finding]:
        yield _check_ocr(guard)

    return run_checks((libreoffice, ocr))


def _check_libreoffice(choice: str) -> Finding:
    """Look for what reads .doc, .odt, .ppt, .odp, and the whole of .rtf; and computes formulas."""
    what = "libreoffice"
    if choice == "none":
        return Finding(what=what, state="ok", found='not used: [guard] libreoffice = "none"')
    if refusal := office_converter.explain_choice(choice):
        remedy = 'Name its soffice.bin there, or set [guard] libreoffice = "auto"'
        return Finding(what=what, state="bad", found=refusal, remedy=remedy)
    program = office_converter.find_libreoffice(choice)
    parts = office_converter.list_office_parts(program) if program else ()
    missing = [part for part in ("writer", "impress", "calc") if part not in parts]
    observed = f"{program} ({', '.join(parts) or 'no part of it'})" if program else "not installed"
    lost = []
    if set(missing) & {"writer", "impress"}:
        lost.append(".doc, .odt, .ppt and .odp files are skipped without it.")
    if "calc" in missing:
        lost.append("Formulas that were stored without a value may stay blank without its Calc.")
    packages = " ".join(f"libreoffice-{part}-nogui" for part in missing)
    install = f"On Debian: apt-get install --no-install-recommends {packages}"
    remedy = " ".join([*lost, install]) if missing else ""
    return Finding(what=what, state="note" if missing else "ok", found=observed, remedy=remedy)


def _check_ocr(guard: GuardOptions) -> Finding:
    """Check whether scanned pages can be read: start what reads them."""
    state = find_ocr_state(wanted=guard.ocr)
    if state == "extra":
        remedy = "Scanned pages are not read without it: pip install 'ragdesk[ocr]'"
        return Finding(what="ocr", state="note", found="not installed", remedy=remedy)
    if state == "setting":
        return Finding(what="ocr", state="ok", found="not used: [guard] ocr = false")
    if failure := check_ocr_start(memory=guard.ocr_memory << 20):
        remedy = "Scanned pages are not read until it does, or set [guard] ocr = false"
        return Finding(what="ocr", state="bad", found=failure, remedy=remedy)
    return Finding(
        what="ocr", state="ok", found=f"rapidocr {find_installed_version('rapidocr')} starts"
    )
