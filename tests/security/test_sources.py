"""What is read is data, and is never run: no source calls what would run it."""

import ast
import importlib
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = [path for part in ("src", "plugins", "suite", "fixtures", "docs") for path in (ROOT / part).rglob("*.py")]

#: Modules that run what they read, or that speak to the network by themselves.
BARRED = {
    "pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal", "yaml", "tarfile", "zipfile",
    "requests", "httpx", "aiohttp", "socketserver", "ftplib", "telnetlib", "urllib.request", "http.client", "ray",
    "recbole.quick_start",
}  # fmt: skip
#: Where one of them is needed, and may be: RecBole's own defaults by RecBole's own loader, the proxies that the
#: environment names (nothing is fetched with it), and processes of our own that hand each other our own objects.
EXCEPTIONS = {
    "recommenders/_recbole/bridge.py": ["imports yaml"],
    "interop/foreign/settings.py": ["imports yaml", "imports yaml"],  # MMRec's configs, by safe_load
    "amazon2023/web.py": ["imports urllib.request"],
    "packed.py": ["imports zipfile"],  # arrays of a cell, without pickles
    "own_objects.py": ["imports cloudpickle", "imports pickle"],
}
#: Calls that are safe with an argument alone.
NEEDS = {
    "torch.load": ("weights_only", True),
    "np.load": ("allow_pickle", False),
    "numpy.load": ("allow_pickle", False),
    "get_state_dict": ("weights_only", True),
    "load_state_dict_from_url": ("weights_only", True),
}


def faults(source):
    """What in a source would run what it reads: a line each."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            names = []
        found += [f"{node.lineno}: imports {name}" for name in names if name in BARRED]
        if isinstance(node, ast.Call):
            found += [f"{node.lineno}: {fault}" for fault in _faults_of_call(node)]
    return found


def _faults_of_call(call):
    name = ast.unparse(call.func)
    last = name.rpartition(".")[2]
    given = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
    if name in ("eval", "exec", "compile", "__import__", "os.system", "os.popen") or last in (
        "read_pickle",
        "to_pickle",
    ):
        yield f"calls {name}"
    if given.get("shell", "False") != "False":
        yield f"{name} with a shell"
    # Settings say what the user asked for; only what loads a model may not.
    if last != "Settings" and given.get("trust_remote_code", "False") not in ("False", "trust.is_given()"):
        yield f"{name} trusts remote code"
    for known, (argument, value) in NEEDS.items():
        if known in (name, last) and given.get(argument) != str(value):
            yield f"{name} without {argument}={value}"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_source_runs_what_it_reads(path):
    found = sorted(fault.partition(": ")[2] for fault in faults(path.read_text(encoding="utf-8")))
    expected = next((known for name, known in EXCEPTIONS.items() if path == ROOT / "src" / "recclaims" / name), [])
    assert found == expected


@pytest.mark.parametrize(
    "source",
    [
        "import pickle", "from joblib import load", "import urllib.request", "from recbole import quick_start",
        "torch.load(path)", "torch.load(path, weights_only=False)", "np.load(p, allow_pickle=True)", "numpy.load(p)",
        "W.get_state_dict(progress=False)", "eval(text)", "exec(text)", "subprocess.run(c, shell=True)",
        "os.system(c)", "M.from_pretrained(p, trust_remote_code=True)", "pd.read_pickle(p)", "x = __import__(name)",
    ],
)  # fmt: skip
def test_the_search_finds(source):
    assert len(faults(source)) == 1


def test_sources_are_there():
    assert len(SOURCES) > 100


def test_training_imports_no_ray():
    for module in ("_recbole.fit", "models.collaborative", "models.mostpop"):
        importlib.import_module(f"recclaims.recommenders.{module}")
    assert "recbole" in sys.modules
    assert "ray" not in sys.modules
