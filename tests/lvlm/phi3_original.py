"""Run the authors' own Phi-3-vision over a small checkpoint and write down what it gives.

This is a program for the release the authors' code was written for (transformers 4.43, torch 2.4, numpy 1), not a
module of the tests, and holds nothing of their code:

    python -O phi3_original.py FOLDER_OF_THEIR_CODE CHECKPOINT OUTPUT.npz

Beside it OUTPUT.json gets a few of the numbers, as in phi3_expected.json. FOLDER_OF_THEIR_CODE has modeling_phi3_v.py,
image_embedding_phi3_v.py, processing_phi3_v.py and the like. Two things make their code take a small checkpoint: the
tower's sizes, a constant there, are replaced by the checkpoint's `vision_config`, and -O leaves out the assertions that
its width is 1024.
"""

import importlib
import json
import sys
import types
from pathlib import Path

import numpy as np
import torch
from PIL import Image

#: Width and height: wide, tall, square, tiny, like a line, and larger than all crops.
SIZES = [(100, 40), (30, 90), (64, 64), (7, 5), (200, 9), (1500, 1100)]
PROMPTS = ["Fill in the blanks: [Genre]", "Describe the product", "a", "Look  at\nthe image", "what?", "[Style] {x}"]
NEW_TOKENS = 6
END = "<|endoftext|>"


def picture(width, height):
    """As tiny_phi3.picture."""
    drawn = np.random.RandomState(width * 1000 + height).randint(0, 256, (height, width, 3))
    return Image.fromarray(drawn.astype(np.uint8))


def prompt(text, images=1):
    marks = "".join(f"<|image_{i + 1}|>\n" for i in range(images))
    return f"<|user|>\n{marks}{text}<|end|>\n<|assistant|>\n"


def originals(folder):
    """Their modules, as a package."""
    package = types.ModuleType("original")
    package.__path__ = [str(folder)]
    sys.modules["original"] = package
    names = ("configuration", "image_embedding", "modeling", "image_processing", "processing")
    return {name: importlib.import_module(f"original.{name}_phi3_v") for name in names}


def load(folder, checkpoint):
    from transformers import CLIPVisionConfig, PreTrainedTokenizerFast

    their = originals(folder)
    document = json.loads((checkpoint / "config.json").read_text())
    document.pop("auto_map", None)
    sizes = document.pop("vision_config")
    their["image_embedding"].CLIP_VIT_LARGE_PATCH14_336_CONFIG = CLIPVisionConfig(
        **{"image_size": 336, "patch_size": 14, "hidden_act": "quick_gelu", **sizes}
    )
    config = their["configuration"].Phi3VConfig(**document)
    config._attn_implementation = "eager"
    model = their["modeling"].Phi3VForCausalLM.from_pretrained(
        checkpoint, config=config, torch_dtype=torch.float32, attn_implementation="eager"
    )
    tokens = PreTrainedTokenizerFast(tokenizer_file=str(checkpoint / "tokenizer.json"), pad_token=END)
    settings = json.loads((checkpoint / "preprocessor_config.json").read_text())
    settings.pop("auto_map", None)

    def processor(crops):
        images = their["image_processing"].Phi3VImageProcessor(**{**settings, "num_crops": crops})
        return their["processing"].Phi3VProcessor(images, tokens)

    return model.eval(), processor, settings["num_crops"]


def run(model, inputs):
    """Logits and states after the norm; their embedding writes into the ids, so it gets a copy."""
    out = model(**{**inputs, "input_ids": inputs["input_ids"].clone()}, output_hidden_states=True, use_cache=False)
    return out.logits.numpy(), out.hidden_states[-1].numpy()


def excerpt(made):
    """A few dozen numbers: lengths, pixels, the last position's logits and states, and greedy tokens."""
    found = {}
    for place in [*map(str, range(len(SIZES))), "pair"]:
        pixels = made[f"{place}/pixel_values"].reshape(-1, 3, 336, 336)
        found[place] = {
            "length": int(made[f"{place}/input_ids"].shape[1]),
            "whole": pixels[0, :, 100, 200].tolist(),
            "last line of the first crop": pixels[1, :, 335, 7].tolist(),
            "logits": made[f"{place}/logits"][0, -1, 100:106].tolist(),
            "state": made[f"{place}/states"][0, -1, :6].tolist(),
        }
        if f"{place}/greedy" in made:
            found[place]["greedy"] = made[f"{place}/greedy"][0].tolist()
    found["batch"] = {"logits": made["batch/logits"][:, 100].tolist(), "state": made["batch/states"][:, 0].tolist()}
    return found


def main(folder, checkpoint, output):
    model, processor, several = load(Path(folder), Path(checkpoint))
    made = {}
    rows = []
    with torch.inference_mode():
        for place, (size, text) in enumerate(zip(SIZES, PROMPTS, strict=True)):
            inputs = processor(16)(prompt(text), [picture(*size)])
            rows.append(inputs)
            made[f"{place}/input_ids"] = inputs["input_ids"].numpy()
            made[f"{place}/pixel_values"] = inputs["pixel_values"].numpy()
            made[f"{place}/image_sizes"] = np.array(inputs["image_sizes"])
            made[f"{place}/logits"], made[f"{place}/states"] = run(model, inputs)
            ids = model.generate(
                **{**inputs, "input_ids": inputs["input_ids"].clone()},
                max_new_tokens=NEW_TOKENS, min_new_tokens=NEW_TOKENS, do_sample=False, repetition_penalty=1.0,
                eos_token_id=1, pad_token_id=1,
            )  # fmt: skip
            made[f"{place}/greedy"] = ids[:, inputs["input_ids"].shape[1] :].numpy()
        length = max(row["input_ids"].shape[1] for row in rows)
        pad = torch.nn.functional.pad
        batch = {
            "input_ids": torch.cat([pad(r["input_ids"], (length - r["input_ids"].shape[1], 0), value=1) for r in rows]),
            "attention_mask": torch.cat(
                [pad(r["attention_mask"], (length - r["input_ids"].shape[1], 0)) for r in rows]
            ),
            "pixel_values": torch.cat([r["pixel_values"] for r in rows]),
            "image_sizes": torch.cat([torch.as_tensor(r["image_sizes"]) for r in rows]),
        }
        logits, states = run(model, batch)
        made["batch/logits"], made["batch/states"] = logits[:, -1], states[:, -1]
        pair = processor(several)(prompt("Compare", 2), [picture(*SIZES[0]), picture(*SIZES[1])])
        made["pair/input_ids"], made["pair/pixel_values"] = pair["input_ids"].numpy(), pair["pixel_values"].numpy()
        made["pair/image_sizes"] = np.array(pair["image_sizes"])
        made["pair/logits"], made["pair/states"] = run(model, pair)
    np.savez(output, **made)
    Path(output).with_suffix(".json").write_text(json.dumps(excerpt(made), indent=1) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
