"""Ingest and search beside a peer that is a script of ten lines, as whole processes."""

import json
import shlex
import sys

import pytest

from tests.lab.speed import peers

PEER = """
import json, pathlib, sys
texts = [file.read_text() for file in pathlib.Path(sys.argv[1]).iterdir()]
print("any line before")
print(json.dumps({"name": "grep", "ingest_s": 0.5, "chunks": len(texts), "q_p50_ms": 2, "q_p95_ms": 4}))
"""


@pytest.fixture
def corpus(tmp_path):
    folder = tmp_path / "corpus"
    folder.mkdir()
    (folder / "returns.md").write_text("# Returns\n\nA kettle can be returned within 30 days.\n")
    (folder / "delivery.md").write_text("# Delivery\n\nParcels arrive within two working days.\n")
    return folder


@pytest.fixture
def peer(tmp_path, corpus):
    script = tmp_path / "peer.py"
    script.write_text(PEER)
    return f"{sys.executable} {shlex.quote(str(script))} {shlex.quote(str(corpus))}"


def test_both_are_run_as_whole_processes_and_compared(corpus, peer, capsys, monkeypatch):
    command = [str(corpus), "--peer", peer, "--model", "none", "--rounds", "2", "--dry"]
    monkeypatch.setattr(sys, "argv", ["peers", *command])
    peers.main()
    *_, body = capsys.readouterr().out.split("Model: none for ragdesk")
    rows = [line.split(" | ") for line in body.splitlines() if line.startswith(("| 1 |", "| 2 |"))]
    assert [(row[0], row[1], row[5]) for row in rows] == [
        ("| 1", "ragdesk", "2"),
        ("| 1", "grep", "2"),
        ("| 2", "ragdesk", "2"),
        ("| 2", "grep", "2"),
    ]
    assert all(float(row[2]) > 0 and float(row[4]) > 0 and float(row[6]) > 0 for row in rows)
    assert "| ragdesk | 1.00 | 1.00 | 1.00 | 1.00 |" in body


def test_the_medians_are_compared():
    def run(name, *figures):
        seconds, ingest, p50, p95 = figures
        report = {"ingest_s": ingest, "q_p50_ms": p50, "q_p95_ms": p95}
        return peers.ProcessRun(name, seconds, 100.0, report)

    own = [run("ragdesk", s, 1.0, 5.0, 10.0) for s in (9.0, 10.0, 30.0)]
    slow, fast = run("slow", 40, 3, 20, 30), run("fast", 30, 2, 15, 5)
    body = peers.format_table(own[0], [(one, slow, fast) for one in own], "m")
    assert "| slow | 4.00 | 3.00 | 4.00 | 3.00 |" in body
    assert "process 3.00 ×, ingest 2.00 ×, p50 3.00 ×, p95 0.50 ×" in body


def test_a_peer_that_tells_no_figures_is_named(tmp_path):
    script = tmp_path / "silent.py"
    script.write_text("print('done')")
    with pytest.raises(SystemExit, match=r"silent\.py: its last line gives no ingest_s"):
        peers.run_process([sys.executable, str(script)], 1)


def test_ten_questions_are_read_from_lines_or_from_json(tmp_path):
    plain = tmp_path / "asked.txt"
    plain.write_text("\n".join(f"Question {n}?" for n in range(12)))
    assert len(peers.read_questions(plain)) == 10
    coded = tmp_path / "asked.jsonl"
    rows = [{"lang": lang, "question": lang} for lang in ("en", "zh")]
    coded.write_text("\n".join(map(json.dumps, rows)))
    assert peers.read_questions(coded) == ["en"]
    assert len(peers.read_questions(peers.QUESTIONS)) == 10
