"""What the audit says of an answer of pip-audit; the answer itself needs a network."""

import importlib.util
from pathlib import Path

import pytest

PATH = Path(__file__).parents[1] / ".ci" / "audit.py"


@pytest.fixture(scope="module")
def audit():
    spec = importlib.util.spec_from_file_location("audit", PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def answer(*packages, skipped=0):
    skips = [{"name": f"s{n}", "skip_reason": "Dependency not found"} for n in range(skipped)]
    return {"dependencies": [*packages, *skips]}


def package(name, *vulnerabilities):
    return {"name": name, "version": "1", "vulns": [{"id": v, "fix_versions": []} for v in vulnerabilities]}


@pytest.mark.parametrize(
    "document", [None, {"dependencies": []}, answer(skipped=9), answer(package("numpy"), skipped=9)]
)
def test_where_nothing_can_be_asked_nothing_is_called_safe(audit, document):
    assert audit.judged(document) == (["audit: no advisories can be had here: nothing was audited"], False)


def test_an_advisory_is_a_failure_unless_it_is_accounted_for(audit):
    lines, failed = audit.judged(answer(package("numpy"), package("ray", "CVE-1")))
    assert not failed
    assert lines[1].startswith("audit: ray 1: CVE-1; accounted for: RecBole's pin")
    lines, failed = audit.judged(answer(package("numpy"), package("pillow", "CVE-2", "CVE-3"), skipped=1))
    assert failed
    assert lines == [
        "audit: advisories were asked for 2 of 3 packages",
        "audit: pillow 1: CVE-2, CVE-3; NOT ACCOUNTED FOR",
    ]
