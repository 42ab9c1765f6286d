"""Models are looked for where huggingface_hub keeps them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from recclaims.features.hub import hub_folder

VARIABLES = ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME")


@pytest.mark.parametrize("variable", ["", *VARIABLES])
def test_the_cache_is_where_the_hub_s_library_has_it(tmp_path, monkeypatch, variable):
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    if variable:
        monkeypatch.setenv(variable, str(tmp_path))
    code = "from huggingface_hub.constants import HF_HUB_CACHE; print(HF_HUB_CACHE)"
    told = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=dict(os.environ)
    )
    assert hub_folder("org/model").parent == Path(told.stdout.strip())
