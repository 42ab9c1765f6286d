"""What is installed (an SBOM, reports/sbom.json), and which of it has known vulnerabilities (reports/audit.json).

    python .ci/audit.py ENVIRONMENT

ENVIRONMENT is the folder of a virtual environment. Exit code 1 where a package has an advisory that is not accounted
for below. Where advisories cannot be had (no network, an index without them) that is said, and is no failure.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

REPORTS = Path(__file__).resolve().parents[1] / "reports"
#: Packages whose advisories are known and do not reach a user, with the reason.
ACCOUNTED = {"ray": "RecBole's pin; never imported nor started here, see SECURITY.md"}
#: Seconds that pip-audit is given: it asks once for every package.
PATIENCE = 20


def main(environment: Path) -> int:
    """Write both reports and say what they hold."""
    REPORTS.mkdir(exist_ok=True)
    python = environment / "bin" / "python"
    sbom = REPORTS / "sbom.json"
    command = ["cyclonedx-py", "environment", str(python), "--of", "JSON", "--no-validate", "-o", str(sbom)]
    subprocess.run(command, check=True)  # noqa: S603
    components = json.loads(sbom.read_text(encoding="utf-8")).get("components", [])
    print(f"audit: {len(components)} packages in reports/sbom.json")
    document = _advisories(environment)
    if document is not None:
        (REPORTS / "audit.json").write_text(json.dumps(document, indent=1), encoding="utf-8")
    lines, failed = judged(document)
    print("\n".join(lines))
    return int(failed)


def _advisories(environment: Path) -> dict[str, Any] | None:
    """What pip-audit knows; None where it has no answer."""
    (site,) = environment.glob("lib/python3*/site-packages")
    command = ["pip-audit", "--path", str(site), "--progress-spinner", "off", "--timeout", "5", "--format", "json"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)  # noqa: S603
        document: dict[str, Any] = json.loads(done.stdout)
    except (OSError, subprocess.TimeoutExpired, ValueError):
        return None
    return document


def judged(document: dict[str, Any] | None) -> tuple[list[str], bool]:
    """Say what an answer of pip-audit means, and whether it is a failure."""
    packages = document["dependencies"] if document else []
    asked = [package for package in packages if "skip_reason" not in package]
    # An index without advisories makes pip-audit skip everything and find "no known vulnerabilities".
    if len(asked) < len(packages) / 2 or not asked:
        return ["audit: no advisories can be had here: nothing was audited"], False
    lines, failed = [f"audit: advisories were asked for {len(asked)} of {len(packages)} packages"], False
    for package in asked:
        known = [vulnerability["id"] for vulnerability in package["vulns"]]
        if known:
            reason = ACCOUNTED.get(package["name"])
            failed = failed or reason is None
            what = f"accounted for: {reason}" if reason else "NOT ACCOUNTED FOR"
            lines.append(f"audit: {package['name']} {package['version']}: {', '.join(known)}; {what}")
    return lines, failed


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
