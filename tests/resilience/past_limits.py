"""Give collections histories at random, and count the limited texts that come back for others.

    python -m tests.resilience.past_limits --histories 600

Texts are put under a few names of two sources, for everybody or some, limited, opened, removed;
generations are cleared, backups taken and restored, generations gone back to, and a third of all
publishes are killed at a place at random. Told: of each text that comes back, whether anybody may
see it whom the newest statement about that text (where it stands now, or when it last left) does
not let in. Closed without reason: nobody ever limited that text, its place, or what comes back.
Runs on older versions too: they are the control.
"""

import argparse
import os
import random
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from indexes.index import Index
from indexes.store import failpoints, generations
from indexes.store.document_table import ListedDocument
from indexes.upkeep import backup, garbage, restore, rollback, verify
from ragdesk.assemble import EXTRA_FILES
from tests.fakes import document, publish
from tests.lab.results import write_section
from tests.resilience.publish import RESILIENCY

TITLE = "P16, continued: a text that was limited does not come back for others"
STAFF = frozenset({"staff"})
LEGAL = frozenset({"legal"})
OPEN: frozenset[str] = frozenset()
GROUPS = (OPEN, OPEN, STAFF, LEGAL, STAFF | LEGAL)
ACTIONS = (*("put",) * 4, "limit", "limit", "remove", "remove", "clear", "keep two", "backup")
BACK = ("restore", "rollback")
NOBODY = "\0nobody"
Place = tuple[str, str]
Held = Mapping[Place, ListedDocument]


class History:
    """One collection, what happens to it, and who was last said to see each text and place."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.collection = folder / "c"
        self.count = Counter[str]()
        self._folder, self._random = folder, random.Random(seed)  # noqa: S311 - no secret
        self._backups: list[tuple[Path, Held]] = []
        self._texts: dict[str, frozenset[str]] = {}
        self._places: dict[Place, frozenset[str]] = {}
        self._number = 0
        publish(self.collection, document("a.md", "t0"), document("b.md", "t1"))
        self._note({}, self._list_documents())

    def go_on(self) -> None:
        """Let something happen."""
        self._number += 1
        act = self._random.choice((*ACTIONS, *BACK, *BACK))
        before = self._list_documents()
        self.count[act] += 1
        if act in BACK:
            brought = self._restore() if act == "restore" else self._go_back()
            self._judge(before, brought)
        elif act == "backup":
            file = self._folder / f"{self._number}.rdb"
            backup.write_backup(self.collection, file, extra_files=EXTRA_FILES)
            self._backups.append((file, before))
        else:
            self._publish(
                act, sorted(before.values(), key=lambda listed: (listed.source, listed.uri))
            )
            if act in {"clear", "keep two"}:
                garbage.collect_garbage(self.collection, keep=1 if act == "clear" else 2)
        self._note(before, self._list_documents())

    def _publish(self, act: str, documents: list[ListedDocument]) -> None:
        pick = self._random.choice
        if act == "put":
            name = pick("abc")
            text = f"t{pick(range(5))}"
            source = pick(("src", "src", "other"))
            new = document(f"{name}.md", text, source=source, groups=pick(GROUPS))
            self._attempt(lambda: publish(self.collection, new))
        elif act == "limit" and documents:
            groups = {pick(documents).id: pick(GROUPS)}
            self._attempt(lambda: publish(self.collection, groups=groups))
        elif act == "remove" and documents:
            gone = [pick(documents).id]
            self._attempt(lambda: publish(self.collection, removed=gone))
        else:
            publish(self.collection, document("z.md", f"z{self._number}"))

    def _attempt(self, do: Callable[[], object]) -> None:
        """Publish; in one of three cases in a child that is killed at a place at random."""
        if self._random.random() > 1 / 3:
            do()
            return
        place = self._random.choice(failpoints.FAILPOINTS)
        if (child := os.fork()) == 0:
            with failpoints.arm_failpoints(
                lambda name: os.kill(os.getpid(), signal.SIGKILL) if name == place else None
            ):
                do()
            os._exit(0)
        _, status = os.waitpid(child, 0)
        self.count["killed"] += os.WIFSIGNALED(status)

    def _restore(self) -> Held:
        if not self._backups:
            return {}
        file, documents = self._random.choice(self._backups)
        restore.restore_backup(file, self.collection, extra_files=EXTRA_FILES)
        return documents

    def _go_back(self) -> Held:
        number = self._random.choice(generations.list_generations(self.collection))
        with Index.open_generation(self.collection, number) as index:
            documents = by_place(index.iter_documents())
        rollback.roll_back(self.collection, number)
        return documents

    def _judge(self, before: Held, brought: Held) -> None:
        """Hold what came back against the newest statements."""
        for place, listed in self._list_documents().items():
            if place in before and before[place].digest == listed.digest:
                continue
            self.count["back"] += 1
            limit = self._texts.get(listed.digest, OPEN)
            if limit:
                self.count["limited"] += 1
                self.count["leaks"] += not listed.groups or not listed.groups <= {*limit, NOBODY}
            elif listed.groups and not (self._places.get(place) or brought[place].groups):
                self.count["closed"] += 1

    def _note(self, before: Held, after: Held) -> None:
        """Note the newest statement about each text and place; open anywhere is open."""
        left = [listed for place, listed in before.items() if not same(listed, after.get(place))]
        by_text: dict[str, list[frozenset[str]]] = {}
        for listed in (*left, *after.values()):
            by_text.setdefault(listed.digest, []).append(listed.groups)
            self._places[listed.source, listed.uri] = listed.groups
        for digest, groups in by_text.items():
            self._texts[digest] = frozenset().union(*groups) if all(groups) else OPEN

    def _list_documents(self) -> Held:
        with Index.open(self.collection) as index:
            return by_place(index.iter_documents())


def same(listed: ListedDocument, other: ListedDocument | None) -> bool:
    return other is not None and listed.digest == other.digest


def by_place(documents: Iterable[ListedDocument]) -> Held:
    return {(listed.source, listed.uri): listed for listed in documents}


def run(histories: int, seed: int, steps: int = 14) -> Counter[str]:
    """Let histories happen, and count."""
    count = Counter[str]()
    for number in range(histories):
        with tempfile.TemporaryDirectory() as folder:
            history = History(Path(folder), seed + number)
            for _ in range(steps):
                history.go_on()
            count["unsound"] += bool(
                verify.verify_collection(history.collection, extra_files=EXTRA_FILES)
            )
            count += history.count
    return count


def main() -> None:
    """Read the arguments, run, print and write the section."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--histories", type=int, default=600)
    parser.add_argument("--seed", type=int, default=20261129)
    parser.add_argument("--print", action="store_true", help="Write no file: of a control.")
    options = parser.parse_args()
    count = run(options.histories, options.seed)
    cells = ("killed", "restore", "rollback", "back", "limited", "leaks", "closed", "unsound")
    body = f"""
Histories of 14 steps (seed {options.seed}): see the head of the script. On ee6a0c5 (the
control) 150 of them brought 30 limited texts back, 7 of them to others than might last see them.

| histories | publishes killed | restores | rollbacks | texts back | limited ones | told to others | closed without reason | collections that do not verify |
|{"---|" * 9}
| {options.histories} | {" | ".join(str(count[name]) for name in cells)} |"""
    sys.stdout.write(f"{TITLE}\n{body}\n")
    if not options.print:
        command = f"python -m tests.resilience.past_limits --histories {options.histories}"
        write_section(TITLE, command, body, file=RESILIENCY)


if __name__ == "__main__":
    main()
