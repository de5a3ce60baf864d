"""The house keeps its shape: who may import whom, and which file opens which door."""

import ast
import functools
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("ragdesk", "ingest", "indexes", "eval")
MAY_IMPORT = {
    "ragdesk": {"ragdesk", "ingest", "indexes", "eval"},
    "ingest": {"ingest", "indexes"},
    "indexes": {"indexes"},
    "eval": {"eval"},
}
OPEN_TO_EVAL = "indexes.text."  # pure: verifying and measuring share it
DOORS = {
    "comrak": {"ingest/parse/markup/markdown.py"},
    "alembic": {"ragdesk/support/migrations"},
    "authlib": {"ragdesk/support/sign_in/on_authlib.py"},
    "cryptography": {
        "ragdesk/support/encryption.py",
        "ragdesk/support/chat_channels/message_cipher.py",
    },
    "cv2": {"ingest/parse/pdf/on_rapidocr.py"},
    "faiss": {"indexes/vectors/faiss_index.py"},
    "fastapi": {"ragdesk/web"},
    "httpcore": {
        "ingest/outbound/pinned_connections.py",
        "ragdesk/answering/writing/llm_connections.py",
    },
    "httpx": {
        "ragdesk/answering/writing/openai_client.py",
        "ragdesk/answering/writing/openai_stream.py",
        "ragdesk/answering/writing/llm_connections.py",
        "ragdesk/support/handoff/http_delivery.py",
        "ingest/outbound",
        "eval/targets.py",
    },
    "httpx2": {"ragdesk/support/sign_in/on_authlib.py"},
    "joserfc": {"ragdesk/support/sign_in/on_authlib.py"},
    "jwt": {"ragdesk/support/sign_in/on_pyjwt.py"},
    "langchain_text_splitters": {"ingest/split.py"},
    "lxml": {"ingest/parse"},
    "mcp": {"ragdesk/web/mcp/on_mcp_sdk.py"},
    "mcp_types": {"ragdesk/web/mcp/on_mcp_sdk.py"},
    "marisa_trie": {"indexes/embedding/unigram_tokenizer.py"},
    "onnx": {"indexes/embedding/bert_graph.py", "indexes/embedding/int8_graph.py"},
    "onnxruntime": {"indexes/embedding/on_onnx.py", "indexes/embedding/onnx_export.py"},
    "opencc": {"indexes/text/folding.py"},
    "olefile": {"ingest/parse/mail/outlook.py"},
    "openpyxl": {"ingest/parse/office/xlsx.py"},
    "oxmsg": {"ingest/parse/mail/outlook.py"},
    "phonenumbers": {"indexes/text/redaction/phone_numbers.py"},
    "prometheus_client": {"ragdesk/metrics.py"},
    "psycopg": {"ragdesk/support/notices.py"},
    "pymilvus": {"indexes/vectors/on_milvus.py"},
    "python_calamine": {"ingest/parse/office/old_sheets.py"},
    "pypdf": {"ingest/parse/pdf/structure.py"},
    "pypdfium2": {
        "ingest/parse/pdf/reader.py",
        "ingest/parse/pdf/pdfium_words.py",
        "ingest/parse/pdf/hidden_words.py",
        "ingest/parse/pdf/page_links.py",
        "ingest/parse/pdf/page_images.py",
        "ingest/sandbox/ocr_worker.py",
    },
    "rapidocr": {"ingest/parse/pdf/on_rapidocr.py"},
    "ray": {"ingest/on_ray.py"},
    "requests": {"ragdesk/on_opentelemetry.py"},  # what its exporter asks with
    "rich": {"ragdesk/cli"},
    "scipy": {"eval/abstention_metrics.py", "eval/stats.py", "eval/validate.py"},
    "selectolax": {"ingest/parse/markup/html_tree.py"},
    "sentence_transformers": {
        "indexes/embedding/on_torch.py",
        "ragdesk/answering/retrieval/cross_encoder.py",
    },
    "sqlalchemy": {"ragdesk/support"},
    "sklearn": {"eval/calibrate.py", "ragdesk/support/insight/model_fit.py"},
    "standardwebhooks": {"ragdesk/support/handoff/on_webhook.py"},
    "starlette": {"ragdesk/web"},
    "striprtf": {"ingest/parse/office/rich_text.py"},
    "tokenizers": {"indexes/embedding/tokenizer.py", "indexes/embedding/on_onnx.py"},
    "opentelemetry": {"ragdesk/on_opentelemetry.py"},
    "optuna": {"ragdesk/tuning/reader_trials.py"},
    "torch": {
        "indexes/embedding/on_torch.py",
        "indexes/embedding/on_onnx.py",
        "ragdesk/tuning/on_torch.py",
    },
    "transformers": {"indexes/embedding/on_torch.py", "indexes/embedding/on_onnx.py"},
    "uvicorn": {"ragdesk/web/server.py"},
    "vllm": {"ragdesk/answering/writing/on_vllm.py"},
}
REVISIONS = "ragdesk/support/migrations/versions/"  # Alembic gives each of them the same names
LONGEST_FILE, LONGEST_FUNCTION = 500, 60
LONG_FILES: dict[str, str] = {}  # a file that is longer, and the reason why it is not split
# Names that stand in more than one module, each with its reason.
SHARED_NAMES = {
    "T": "a type variable: each module declares its own",
    "command": "click's: the verb that a module of ragdesk/cli is",
    "log": "a logger: each module's own",
    "main": "where a program begins",
    "parse": "the one entry of each parser: the registry calls it by this name",
    "router": "FastAPI's: the routes of a module",
}
NO_NAMES = frozenset(
    ["found", "held", "told", "said", "given", "met", "asked", "seen", "one", "every", "near"]
) | {"encoded", "learnt", "noted"}
# Names that go out as they stand: settings, JSON, run files.
NAMES_OF_CONTRACT = {
    ("eval/trial.py", "Trial.asked"): "run.jsonl",
    ("ragdesk/answering/answer_options.py", "ClarifyOptions.near"): "a setting",
    ("ragdesk/answering/retrieval/retrieval_options.py", "RetrieveOptions.near"): "a setting",
    ("ragdesk/installation_check.py", "Finding.found"): "doctor --json",
    ("ragdesk/support/insight/intent_training.py", "IntentTraining.learnt"): "train --json",
}


@functools.cache
def files() -> list[tuple[str, ast.Module, str]]:
    """Parse every file, once for all tests."""
    read = []
    for room in ROOMS:
        for file in sorted((ROOT / room).rglob("*.py")):
            source = file.read_text(encoding="utf-8")
            read.append((file.relative_to(ROOT).as_posix(), ast.parse(source), source))
    return read


@pytest.fixture(scope="module", autouse=True)
def _forget_files() -> Iterator[None]:
    yield
    files.cache_clear()


def imports() -> Iterator[tuple[str, str]]:
    for name, tree, _ in files():
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                yield from ((name, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                yield name, node.module or ""


def test_rooms_import_downwards():
    for file, name in imports():
        room, target = file.split("/")[0], name.split(".")[0]
        if target in ROOMS and not (room == "eval" and name.startswith(OPEN_TO_EVAL)):
            assert target in MAY_IMPORT[room], f"{file} imports {name}"


def test_no_room_imports_the_tests_or_the_laboratory():
    tests = {"tests", *(file.stem for file in (ROOT / "tests").glob("*.py"))}
    assert [
        f"{file} imports {name}" for file, name in imports() if name.split(".")[0] in tests
    ] == []


def test_each_heavy_dependency_has_one_door():
    for file, name in imports():
        doors = DOORS.get(name.split(".")[0])
        open_door = doors is None or any(file == d or file.startswith(f"{d}/") for d in doors)
        assert open_door, f"{file} imports {name}; only {doors} may"


def test_libraries_that_take_seconds_are_loaded_when_they_are_used():
    modules = ("main", "ask", "serve", "doctor", "eval", "eval_run", "eval_calibrate")
    program = (
        f"import sys, {', '.join(f'ragdesk.cli.{name}' for name in modules)}, ragdesk.web.api\n"
        "heavy = {'scipy', 'sklearn', 'torch', 'transformers', 'sentence_transformers', 'vllm'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(  # noqa: S603 - the program above
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_files_and_functions_stay_readable():
    long = []
    for file, tree, source in files():
        if (lines := source.count("\n")) > LONGEST_FILE and file not in LONG_FILES:
            long.append(f"{file}: {lines} lines")
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                if length > LONGEST_FUNCTION:
                    long.append(f"{file}:{node.lineno} {node.name}: {length} lines")
    assert not long


def test_every_public_function_says_what_it_does():
    silent = [
        f"{file}:{node.lineno} {node.name}"
        for file, tree, _ in files()
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and not node.name.startswith("_")
        and not ast.get_docstring(node)
    ]
    assert not silent


def test_nothing_is_unpickled():
    for file, tree, source in files():
        assert "allow_pickle=True" not in source, file
        for node in ast.walk(tree):
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = [a.name for a in node.names] + [getattr(node, "module", None) or ""]
                assert not {"pickle", "dill", "joblib", "shelve", "marshal"} & set(names), file
            if isinstance(node, ast.Attribute) and node.attr == "load":
                assert getattr(node.value, "id", "") != "torch", f"{file}: torch.load"


def test_a_step_does_not_import_a_way():
    ways = {
        "indexes": {"indexes.index", "indexes.build"},
        "ingest": {"ingest.job"},
        "ragdesk/answering": {"ragdesk.answering.desk"},
    }
    for file, name in imports():
        for room, doors in ways.items():
            if file.startswith(f"{room}/") and name in doors:
                assert file in {f"{d.replace('.', '/')}.py" for d in doors}, (
                    f"{file} imports {name}"
                )


def test_a_public_name_stands_in_one_module():
    places: dict[str, list[str]] = {}
    for file, tree, _ in files():
        for name in _defined_names(tree):
            if not name.startswith("_") and not file.startswith(REVISIONS):
                places.setdefault(name, []).append(file)
    shared = {name: where for name, where in places.items() if len(where) > 1}
    assert shared.keys() == SHARED_NAMES.keys(), {
        name: shared.get(name, "stands in one module: take it off the list")
        for name in shared.keys() ^ SHARED_NAMES.keys()
    }


def _defined_names(tree: ast.Module) -> Iterator[str]:
    """Yield the functions, classes and constants of a module; what it imports is not its own."""
    for node in tree.body:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield node.name
    yield from (target.id for target in _assignment_targets(tree.body))


def _assignment_targets(body: list[ast.stmt]) -> Iterator[ast.Name]:
    for statement in body:
        match statement:
            case ast.Assign():
                for target in statement.targets:
                    yield from (n for n in ast.walk(target) if isinstance(n, ast.Name))
            case ast.AnnAssign(target=ast.Name() as target):
                yield target


def test_a_name_is_a_noun_of_the_field_and_no_participle_or_pronoun():
    bad: set[tuple[str, str]] = set()
    for file, tree, _ in files():
        parts = Path(file).with_suffix("").parts
        bad.update((file, part) for part in parts if part in NO_NAMES)
        bad.update((file, f"{of}.{name}") for of, name in _names(tree) if name in NO_NAMES)
        bad.update((file, f"local.{name}") for name in _local_names(tree) if name in NO_NAMES)
    assert bad == NAMES_OF_CONTRACT.keys()


def _names(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Yield (owner, name) of classes, functions, parameters and fields, in lower case."""
    for node in ast.walk(tree):
        match node:
            case ast.ClassDef():
                yield "module", node.name.lower().strip("_")
                for field in _assignment_targets(node.body):
                    yield node.name, field.id.strip("_")
            case ast.Attribute(value=ast.Name(id="self"), ctx=ast.Store()):
                yield "self", node.attr.strip("_")
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                yield "module", node.name.strip("_")
                yield from ((node.name, name) for name in _parameters(node))
            case ast.Lambda():
                yield from (("lambda", name) for name in _parameters(node))


def _local_names(tree: ast.Module) -> Iterator[str]:
    """Yield the names of values outside of class bodies: assigned, looped over, matched, caught."""
    nodes = list(ast.walk(tree))
    classes = [node for node in nodes if isinstance(node, ast.ClassDef)]
    fields = {id(target) for node in classes for target in _assignment_targets(node.body)}
    for node in nodes:
        match node:
            case ast.Name(id=name, ctx=ast.Store()) if id(node) not in fields:
                yield name.strip("_")
            case (
                ast.MatchAs(name=str(name))
                | ast.MatchStar(name=str(name))
                | ast.MatchMapping(rest=str(name))
                | ast.ExceptHandler(name=str(name))
                | ast.alias(asname=str(name))
            ):
                yield name.strip("_")


def _parameters(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> Iterator[str]:
    return (inner.arg for inner in ast.walk(node.args) if isinstance(inner, ast.arg))


def test_a_question_is_analysed_in_one_place():
    analysis = {"detect_language", "find_identifiers", "QuestionType", "asks_for_list"}
    places = {
        "ragdesk/answering/retrieval/question_analysis.py": analysis,
        "ragdesk/answering/follow_up.py": {"detect_language"},  # of the turns before it
        # Of a claim and of what it rests on.
        "ragdesk/answering/writing/foreign_evidence.py": {"detect_language"},
    }
    for file, tree, _ in files():
        if not file.startswith("ragdesk/"):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom):
                names = {alias.name for alias in node.names} & analysis
                assert names <= places.get(file, set()), f"{file} imports {names}: read `analysis`"


def test_what_a_han_character_is_stands_in_one_place():
    wider = {  # with kana and wide punctuation: characters that take the width of two
        "ingest/parse/pdf/drawn_text.py",
        "ingest/parse/pdf/page_model.py",
        "ingest/parse/text_cleaning.py",
    }
    stored = {"ingest/parse/faq_detection.py"}  # decides what is stored: goes with its parser
    for file, _, source in files():
        if file not in {"indexes/text/scripts.py", *wider, *stored}:
            spelt = re.search(r"\\u(?:3400|4e00)-\\u9f", source)
            assert not spelt, f"{file} spells out what Han is: take HAN of indexes.text.scripts"


def test_no_private_name_crosses_a_module():
    private = [
        f"{file} imports {alias.name} of {node.module}"
        for file, tree, _ in files()
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in ROOMS
        for alias in node.names
        if alias.name.startswith("_")
    ]
    assert not private
