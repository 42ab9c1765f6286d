"""Teach SmolLM2 to see: `python -m recclaims_smollm2.train FOLDER`; the same command goes on where it was stopped."""

from __future__ import annotations

import argparse
import json
import math
import time
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch.nn.functional import cross_entropy, dropout

from recclaims_smollm2 import lessons, sight

STEPS, BATCH, SEED = 1200, 16, 0
WARMUP = 60
#: Of the projector, which begins from nothing, and of the low ranks.
RATES = {"projector": 1e-3, "lora": 4e-4}
DECAY, CLIP, DROPOUT = 0.01, 1.0, 0.1
SAVE_EVERY, TELL_EVERY = 20, 20


def main() -> None:
    """Train, or go on."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where features and the state of the training are kept")
    parser.add_argument("--steps", type=int, default=STEPS, help=f"default: {STEPS}")
    parser.add_argument("--batch", type=int, default=BATCH, help=f"lessons a step (default: {BATCH})")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(SEED)
    model, processor = sight.untrained()
    model.to(options.device)
    shown = lessons.pictures()
    seen = _seen(options.folder / "seen.npy", model, shown)
    learnt = lessons.to_learn(shown)
    Training(model, processor.tokenizer, [shown[i] for i in learnt], seen[learnt], options).run()


def _seen(path: Path, model: sight.SeeingLlama, shown: list[lessons.Picture]) -> np.ndarray:
    """What the eyes make of all pictures, float16 (n, 16, 1280), from its file if that is here."""
    if not path.is_file():
        print(f"looking at {len(shown):,} pictures", flush=True)
        made = np.zeros((len(shown), sight.TOKENS, sight.SEEN), dtype=np.float16)
        for i, one in enumerate(shown):
            made[i] = model.see(sight.pixels(one.item.image())[None].to(model.device))[0].cpu()
        draft = path.with_name("seen.part.npy")
        np.save(draft, made)
        draft.replace(path)
    return np.load(path, mmap_mode="r", allow_pickle=False)


class Training:
    """One training: a model that has sight added, and where its state is kept."""

    def __init__(self, model: sight.SeeingLlama, tokenizer, shown: list[lessons.Picture], seen: np.ndarray, options):
        self.model, self.tokenizer, self.shown, self.seen, self.options = model, tokenizer, shown, seen, options
        self.tokenizer.padding_side = "right"
        self.trained = model.trained()
        groups = [
            {"params": [one for name, one in self.trained.items() if part in name], "rate": rate}
            for part, rate in RATES.items()
        ]
        self.optimizer = torch.optim.AdamW(groups, lr=0.0, betas=(0.9, 0.98), weight_decay=DECAY)
        self.path = options.folder / "state.safetensors"

    def run(self, until: int | None = None) -> None:
        """Take the steps that are left, or those up to `until`, and write what was learnt by the last one."""
        step, last = self._restore(), until or self.options.steps
        began, losses = time.monotonic(), []
        drawn = lessons.batches(self.shown, self.options.batch, SEED, step)
        while step < last:
            losses.append(self._step(next(drawn), step))
            step += 1
            if step % TELL_EVERY == 0:
                pace = (time.monotonic() - began) / len(losses)
                print(f"step {step}: loss {np.mean(losses[-TELL_EVERY:]):.4f}, {pace:.1f} s a step", flush=True)
            if step % SAVE_EVERY == 0 or step == last:
                self._save(step)
        if step < self.options.steps:
            return
        made = self.options.folder / "sight.safetensors"
        sight.save(self.model, made, {"steps": str(step), "batch": str(self.options.batch), "seed": str(SEED)})
        print(made, flush=True)

    def _step(self, batch: list[lessons.Lesson], step: int) -> float:
        share = min((step + 1) / WARMUP, 0.5 + 0.5 * math.cos(math.pi * step / self.options.steps))
        for group in self.optimizer.param_groups:
            group["lr"] = group["rate"] * share
        torch.manual_seed(SEED + step)
        loss = self.loss(batch, train=True)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(list(self.trained.values()), CLIP)
        self.optimizer.step()
        return loss.item()

    def loss(self, batch: list[lessons.Lesson], train: bool = False) -> torch.Tensor:
        """Mean cross-entropy of the answers' tokens and their stop tokens."""
        made = sight.Processor(self.tokenizer)
        parts = [{"type": "image"}, {"type": "text", "text": ""}]
        prompts = []
        for one in batch:
            parts[1]["text"] = one.prompt
            prompts.append(made.prompt({"role": "user", "content": parts}))
        ids = self.tokenizer([p + one.answer + "<|im_end|>" for p, one in zip(prompts, batch, strict=True)])[
            "input_ids"
        ]
        starts = [len(one) for one in self.tokenizer(prompts)["input_ids"]]
        length = max(map(len, ids))
        tokens = torch.zeros(len(ids), length, dtype=torch.long)
        mask, answered = torch.zeros_like(tokens), torch.zeros(len(ids), length, dtype=torch.bool)
        for i, (row, start) in enumerate(zip(ids, starts, strict=True)):
            tokens[i, : len(row)] = torch.tensor(row)
            mask[i, : len(row)] = 1
            answered[i, start : len(row)] = True
        device = self.model.device
        tokens, mask, answered = tokens.to(device), mask.to(device), answered.to(device)
        seen = torch.from_numpy(np.stack([self.seen[one.picture] for one in batch])).float().to(device)
        embedded = self.model.embedded(tokens, dropout(seen, DROPOUT, train))
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            states = self.model.model(inputs_embeds=embedded, attention_mask=mask, use_cache=False).last_hidden_state
            # Entry j of the states says token j + 1.
            scores = self.model.lm_head(states[:, :-1][answered[:, 1:]])
        return cross_entropy(scores.float(), tokens[:, 1:][answered[:, 1:]])

    def _save(self, step: int) -> None:
        kept = {}
        for name, one in self.trained.items():
            kept[name] = one.detach().cpu().contiguous()
            state = self.optimizer.state[one]
            kept |= {f"{name}:{key}": state[key].cpu().contiguous() for key in ("exp_avg", "exp_avg_sq")}
        draft = self.path.with_suffix(".part")
        save_file(kept, draft, metadata={"step": json.dumps(step)})
        draft.replace(self.path)

    def _restore(self) -> int:
        if not self.path.is_file():
            return 0
        with safe_open(str(self.path), "pt") as file:
            step = json.loads(file.metadata()["step"])
            for name, one in self.trained.items():
                one.data.copy_(file.get_tensor(name))
                self.optimizer.state[one] = {
                    "step": torch.tensor(float(step)),
                    **{key: file.get_tensor(f"{name}:{key}").to(one.device) for key in ("exp_avg", "exp_avg_sq")},
                }
        print(f"going on from step {step}", flush=True)
        return step


if __name__ == "__main__":
    main()
