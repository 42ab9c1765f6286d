"""What the documentation shows is what the program does."""

import os
import re
from pathlib import Path

from .test_pytest_face import Session

DOCS = Path(__file__).parents[1] / "docs"


def test_the_encoder_of_the_documentation_joins(tmp_path):
    page = (DOCS / "write-an-encoder.md").read_text()
    code = re.search(r"```python\n(.*?)```", page, re.DOTALL)[1]
    entry_point = re.search(r"```toml\n\[project\.entry-points\.recclaims\]\n(.*?)```", page, re.DOTALL)[1]
    site = tmp_path / "site"
    info = site / "title_words-1.0.dist-info"
    info.mkdir(parents=True)
    (site / "title_words.py").write_text(code)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: title-words\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[recclaims]\n" + entry_point.replace('"', ""))
    session = Session(tmp_path)
    path = os.pathsep.join(filter(None, [str(site), os.environ.get("PYTHONPATH")]))
    environment = {**os.environ, "PYTHONPATH": path}
    collected = session("--collect-only", "-q", "-k", "title-words", env=environment, code=0)
    assert "freedom-title-words-permuted-toy" in collected
    session("-k", "content-knn-title-words-permuted", env=environment)
    assert session.results["claims"][0]["verdict"] in {"supported", "inconclusive", "no_difference", "contradicted"}
    assert session.results["encoders"][0]["dimension"] == 2
