"""The comparison of two checkouts sees what changed, and nothing else."""

import json

from tests.lab.before_after import read_stable


def write_run(folder, *, text, seconds):
    folder.mkdir()
    reply = {"text": text, "citations": [{"chunk": f"c{seconds}", "quote": "14 days"}]}
    lines = [{"case": "a", "reply": reply, "wall": seconds}]
    (folder / "run.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    report = {"begun": str(seconds), "metrics": {"right": 1.0}, "latency": {"p50": seconds}}
    (folder / "report.json").write_text(json.dumps(report))
    return folder


def test_times_and_ids_are_left_out_and_words_are_not(tmp_path):
    first = read_stable(write_run(tmp_path / "a", text="Within 14 days.", seconds=1))
    later = read_stable(write_run(tmp_path / "b", text="Within 14 days.", seconds=2))
    other = read_stable(write_run(tmp_path / "c", text="Within 15 days.", seconds=1))
    assert first == later
    assert first[0] != other[0]
    assert "14 days" in first[0][0]
