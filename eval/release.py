"""A build's way to a verdict: measure its run, hold it against the gate and the baseline, write.

Everything is written before anything fails, so that a red build always has its report.
"""

from collections.abc import Sequence
from pathlib import Path

from eval import compare, gate, page, report, store, tables
from eval.compare import Compared
from eval.errors import BadGate
from eval.gate import Gate, Verdict
from eval.released import Release

# What no build may lose, where a baseline is given and no gate: it must find, be right, cite, and
# neither refuse what it answered nor answer what it cannot.
WATCHED = ("right", "recall@8", "cites_evidence", "false_answer", "over_refusal")
MARKDOWN, JUNIT, PAGE = "report.md", "junit.xml", "report.html"


def release(folder: Path, held: Gate | None = None, baseline: Path | None = None) -> Release:
    """Measure a run, judge it, and write every report into its folder. Raises EvalError.

    With a baseline and no gate, nothing of ``WATCHED`` that both runs measured may get worse.
    """
    check(held, baseline)
    measured = report.measured(folder)
    report.write(measured, folder)
    compared = compare.runs(folder, baseline) if baseline else []
    verdicts: list[Verdict] = []
    if held is not None:
        verdicts += gate.judge(held, measured)
    if baseline is not None:
        verdicts += _watched(held, compared, baseline)
    limit = held or Gate(tests=())
    done = Release(
        report=measured,
        verdicts=tuple(verdicts),
        compared=tuple(compared),
        unjudged=gate.too_many_errors(limit, measured),
    )
    write(done, folder)
    return done


def check(held: Gate | None, baseline: Path | None) -> None:
    """Refuse a gate that nothing could fail. Raises BadGate; cheap, so ask before a long run."""
    if held is not None and baseline is None and not held.tests and held.watch:
        raise BadGate(
            f"The gate only watches {', '.join(held.watch)}, and there is no run to hold it "
            "against. Name a measured one: --baseline DIR; or write gates = […] into it."
        )


def write(done: Release, folder: Path) -> None:
    """Write the reports for people and for machines that watch builds."""
    text = tables.markdown(done.report, done.verdicts, done.compared)
    (folder / MARKDOWN).write_text(text, encoding="utf-8")
    junit = tables.junit(done.verdicts, done.report.errors, unjudged=done.unjudged)
    (folder / JUNIT).write_text(junit, encoding="utf-8")
    (folder / PAGE).write_text(page.html(done), encoding="utf-8")
    if done.compared:
        store.write_json(folder / "compare.json", compare.as_json(done.compared))


def _watched(held: Gate | None, compared: Sequence[Compared], baseline: Path) -> list[Verdict]:
    """Turn the metrics that are watched into verdicts. Raises BadGate for an unknown one."""
    found = {one.name: one for one in compared}
    names = held.watch if held else tuple(name for name in WATCHED if name in found)
    if held is None and not names:
        raise BadGate(f"Both runs measured none of {', '.join(WATCHED)}: write a gate file.")
    verdicts = []
    for name in names:
        if name not in found:
            raise BadGate(f"watch: {name!r} was not measured in both runs.")
        one = found[name]
        worse = one.call == "worse"
        verdicts.append(
            Verdict(
                line=f"{name} not worse than {baseline.name}",
                passed=not worse,
                seen=one.difference.effect.value,
                why=f"{one.difference.effect}, p {one.adjusted:.3f}" if worse else "",
                cases=one.cases if worse else (),
            )
        )
    return verdicts
