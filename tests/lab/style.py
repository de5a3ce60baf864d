"""Measures how a tree of Python reads: names, sizes and comments.

``python -m tests.lab.style`` measures the product's four packages; with ``--beside FOLDER…`` other
packages stand beside it (installed ones, say httpx, starlette and haystack). ``--write`` puts the
table into RESULTS.md. ``--names`` lists what stands in more than one module.

A definition is a function, a class or a method; special methods (``__init__``) are left out. A
method that only implements what a protocol or a base class of the same tree declares bears the
name it must, and is counted with that declaration. An identifier is counted wherever it is bound:
a definition, a parameter, a field or a local variable.
"""

import argparse
import ast
import io
import tokenize
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from tests.lab.results import write_section

ROOT = Path(__file__).parents[2]
PACKAGES = ("ragdesk", "ingest", "indexes", "eval")
VAGUE = frozenset(
    ["found", "held", "told", "said", "given", "met", "asked", "seen", "one", "every", "near"]
)
LONGEST_FILE = 500
Function = ast.FunctionDef | ast.AsyncFunctionDef
Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """The figures of one tree. Shares lie in 0..1; sizes are lines."""

    files: int
    repeated_names: float
    one_word_functions: float
    vague_identifiers: float
    long_files: int
    file_median: int
    file_p90: int
    function_median: int
    function_p90: int
    comments: float


def read_modules(folders: Sequence[Path]) -> list[tuple[str, ast.Module, str]]:
    """Read the modules below some folders: name, tree and source of each."""
    modules = []
    for folder in folders:
        for file in sorted(folder.rglob("*.py")):
            source = file.read_text(encoding="utf-8")
            modules.append((file.relative_to(folder.parent).as_posix(), ast.parse(source), source))
    return modules


def list_definitions(tree: ast.Module) -> Iterator[tuple[str, Definition]]:
    """List functions, classes and methods: the class that holds a method (or nothing), and itself."""
    for node in tree.body:
        if isinstance(node, Definition):
            yield "", node
        if isinstance(node, ast.ClassDef):
            yield from ((node.name, part) for part in node.body if isinstance(part, Function))


def list_declared_methods(trees: Sequence[ast.Module]) -> dict[str, set[str]]:
    """List, for each class, the methods that its bases or a protocol of the tree declare."""
    classes = {n.name: n for tree in trees for n in ast.walk(tree) if isinstance(n, ast.ClassDef)}
    methods = {
        name: {part.name for part in node.body if isinstance(part, Function)}
        for name, node in classes.items()
    }
    bases = {
        name: {ast.unparse(base).partition("[")[0].rpartition(".")[2] for base in node.bases}
        for name, node in classes.items()
    }
    protocols = {name for name in classes if "Protocol" in bases[name]}
    declared: dict[str, set[str]] = defaultdict(set)
    for name in classes:
        queue, known = list(bases[name]), set[str]()
        while queue:
            base = queue.pop()
            if base in classes and base not in known:
                known.add(base)
                declared[name] |= methods[base]
                queue.extend(bases[base])
        for protocol in protocols - {name}:
            if methods[protocol] and methods[protocol] <= methods[name]:
                declared[name] |= methods[protocol]
    return declared


def count_repeated(modules: Sequence[tuple[str, ast.Module, str]]) -> tuple[float, Counter[str]]:
    """Give the share of definitions whose name stands in more than one module, and those names."""
    declared = list_declared_methods([tree for _, tree, _ in modules])
    places: dict[str, set[str]] = defaultdict(set)
    names: list[str] = []
    for module, tree, _ in modules:
        for owner, node in list_definitions(tree):
            if node.name.startswith("__") or node.name in declared.get(owner, ()):
                continue
            places[node.name].add(module)
            names.append(node.name)
    repeated = Counter({name: len(where) for name, where in places.items() if len(where) > 1})
    return sum(name in repeated for name in names) / len(names), repeated


def list_identifiers(tree: ast.Module) -> Iterator[str]:
    """List every identifier where it is bound."""
    for node in ast.walk(tree):
        if isinstance(node, Definition):
            yield node.name
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr


def count_comments(source: str) -> int:
    """Count the lines that hold a comment."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return len({token.start[0] for token in tokens if token.type == tokenize.COMMENT})


def take_quantile(values: Sequence[int], share: float) -> int:
    """Give the value below which a share of the values lies."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def measure_style(folders: Sequence[Path]) -> Style:
    """Measure the modules below some folders."""
    modules = read_modules(folders)
    repeated, _ = count_repeated(modules)
    functions, sizes, identifiers = [], [], []
    public: list[str] = []
    for _, tree, _ in modules:
        identifiers += list(list_identifiers(tree))
        functions += [node for node in ast.walk(tree) if isinstance(node, Function)]
        public += [n.name for n in tree.body if isinstance(n, Function) and n.name[0] != "_"]
    sizes = [source.count("\n") for _, _, source in modules if source.strip()]
    lengths = [(node.end_lineno or node.lineno) - node.lineno + 1 for node in functions]
    return Style(
        files=len(sizes),
        repeated_names=repeated,
        one_word_functions=sum("_" not in name for name in public) / max(len(public), 1),
        vague_identifiers=sum(name.strip("_") in VAGUE for name in identifiers) / len(identifiers),
        long_files=sum(size > LONGEST_FILE for size in sizes),
        file_median=int(median(sizes)),
        file_p90=take_quantile(sizes, 0.9),
        function_median=int(median(lengths)),
        function_p90=take_quantile(lengths, 0.9),
        comments=sum(count_comments(source) for _, _, source in modules) / sum(sizes),
    )


def write_table(styles: dict[str, Style]) -> str:
    """Write the figures as a Markdown table, a column for each tree."""
    rows = [
        ("files", "{0.files}"),
        ("definitions whose name stands in more than one module", "{0.repeated_names:.1%}"),
        ("public functions of one word", "{0.one_word_functions:.1%}"),
        ("identifiers that are a vague word", "{0.vague_identifiers:.2%}"),
        (f"files over {LONGEST_FILE} lines", "{0.long_files}"),
        ("lines of a file, median and p90", "{0.file_median}, {0.file_p90}"),
        ("lines of a function, median and p90", "{0.function_median}, {0.function_p90}"),
        ("lines with a comment", "{0.comments:.1%}"),
    ]
    lines = [f"| | {' | '.join(styles)} |", "|---|" + "---|" * len(styles)]
    for name, form in rows:
        cells = " | ".join(form.format(style) for style in styles.values())
        lines.append(f"| {name} | {cells} |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tree", type=Path, default=ROOT, help="a checkout of ragdesk")
    parser.add_argument("--beside", type=Path, nargs="*", default=[])
    parser.add_argument("--before", type=Path, help="an older checkout, to stand before this one")
    parser.add_argument("--names", action="store_true")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args(arguments)
    own = [options.tree / package for package in PACKAGES]
    styles = {}
    if options.before:
        older = [options.before / package for package in PACKAGES]
        styles["ragdesk before"] = measure_style(older)
    styles["ragdesk"] = measure_style(own)
    styles |= {folder.name: measure_style([folder]) for folder in options.beside}
    table = write_table(styles)
    print(table)
    if options.write:
        shown = " ".join(
            [
                *(["--before TREE"] if options.before else []),
                *(
                    ["--beside", *(folder.name for folder in options.beside)]
                    if options.beside
                    else []
                ),
            ]
        )
        write_section("Style of the code", f"python -m tests.lab.style {shown} --write", table)
    if options.names:
        for name, count in count_repeated(read_modules(own))[1].most_common():
            print(f"{count:3} {name}")


if __name__ == "__main__":
    main()
