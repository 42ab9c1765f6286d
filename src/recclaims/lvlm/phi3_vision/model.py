"""Phi-3-vision's model: transformers' Phi-3, some of whose token embeddings come from an image."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from transformers import CLIPVisionConfig, CLIPVisionModel, Phi3Config, Phi3ForCausalLM

from recclaims.lvlm.phi3_vision import MODEL_TYPE

#: ViT-L/14-336, by whose name alone config.json calls the tower. `vision_config` in config.json can set other sizes.
VIT_L_14_336 = {
    "hidden_size": 1024,
    "intermediate_size": 4096,
    "num_hidden_layers": 24,
    "num_attention_heads": 16,
    "patch_size": 14,
    "image_size": 336,
    "hidden_act": "quick_gelu",
    "layer_norm_eps": 1e-5,
    "projection_dim": 768,
}
#: The hidden state of the tower that is read: that of the last layer but one.
_LAYER = -2


class Phi3VisionConfig(Phi3Config):  # type: ignore[no-untyped-call]
    """config.json as it is: that of a Phi-3, with img_processor and embd_layer."""

    model_type = MODEL_TYPE

    @classmethod
    def of(cls, document: dict[str, Any]) -> Phi3VisionConfig:
        """Take a config.json over.

        Both kinds of long positions there have factors for short and for long text, which transformers calls
        longrope. Its scale of the attention is that of `su`; with `yarn` it is 0.1 ln(s) + 1, where s is how many
        times the text may be longer than in pretraining.
        """
        document = {key: value for key, value in document.items() if key not in ("auto_map", "model_type")}
        scaling = document.get("rope_scaling")
        if isinstance(scaling, dict):
            scaling = dict(scaling)
            kind = scaling.pop("type", None) or scaling.pop("rope_type", None)
            longer = document["max_position_embeddings"] / document["original_max_position_embeddings"]
            if kind == "yarn":
                scaling["attention_factor"] = 0.1 * math.log(longer) + 1 if longer > 1 else 1.0
            document["rope_scaling"] = {**scaling, "rope_type": "longrope"}
        made: Any = cls(**document)
        return made  # type: ignore[no-any-return]


def vision_config(config: Any) -> CLIPVisionConfig:
    """The tower up to the layer that is read: what comes after it is not computed."""
    sizes = {**VIT_L_14_336, **(getattr(config, "vision_config", None) or {})}
    layer = config.img_processor.get("layer_idx", _LAYER)
    made: Callable[..., CLIPVisionConfig] = CLIPVisionConfig
    return made(**{**sizes, "num_hidden_layers": sizes["num_hidden_layers"] + 1 + layer})


class ImageEmbedding(nn.Module):
    """From crops to the embeddings of an image's tokens, under the names that the checkpoint's weights have."""

    def __init__(self, config: Any) -> None:
        super().__init__()
        vision = vision_config(config)
        clip = CLIPVisionModel(vision)
        self.img_processor = nn.Module()
        # Older releases wrap the tower once more.
        self.img_processor.vision_model = getattr(clip, "vision_model", clip)
        merged = 4 * vision.hidden_size
        self.glb_GN = nn.Parameter(torch.zeros(1, 1, merged))
        self.sub_GN = nn.Parameter(torch.zeros(1, 1, 1, merged))
        self.img_projection = nn.Sequential(
            nn.Linear(merged, config.hidden_size), nn.GELU(), nn.Linear(config.hidden_size, config.hidden_size)
        )

    def forward(self, pixels: torch.Tensor, rows: int, columns: int) -> torch.Tensor:
        """Embed one image: its crops joined to a picture again, a separator, and the whole image.

        Args:
            pixels: (1 + rows * columns, 3, 336, 336), the whole image first.
            rows: crops from top to bottom.
            columns: crops from left to right.

        Returns:
            The embeddings, (tokens, d), see images.token_count.
        """
        tower: Any = self.img_processor.vision_model
        patches = tower(pixel_values=pixels).last_hidden_state[:, 1:]  # without CLS
        whole, crops = self._lines(patches[:1], 1, 1), self._lines(patches[1:], rows, columns)
        projected: torch.Tensor = self.img_projection(torch.cat([crops, self.glb_GN[0], whole]))
        return projected

    def _lines(self, patches: torch.Tensor, rows: int, columns: int) -> torch.Tensor:
        """Lay crops out as one picture, merge patches two by two, and end each line with a separator.

        Args:
            patches: (rows * columns, side * side, c).
            rows: crops from top to bottom.
            columns: crops from left to right.

        Returns:
            Line by line, (lines * (length + 1), 4 c).
        """
        side, channels = math.isqrt(patches.shape[1]), patches.shape[2]
        half = side // 2
        split = patches.reshape(rows, columns, half, 2, half, 2, channels)
        # row, line in the crop | column, place in the line | the four patches, line by line
        picture = split.permute(0, 2, 1, 4, 3, 5, 6).reshape(rows * half, columns * half, 4 * channels)
        ends = self.sub_GN[0].expand(rows * half, 1, -1)
        return torch.cat([picture, ends], dim=1).flatten(0, 1)


class Phi3Vision(Phi3ForCausalLM):  # type: ignore[no-untyped-call]
    """Phi-3, in whose input negative ids stand for the tokens of images."""

    config_class = Phi3VisionConfig
    # Of the tower, what comes after the layer that is read.
    _keys_to_ignore_on_load_unexpected = (r"vision_embed_tokens\.(wte|img_processor\.vision_model\.encoder)\.",)  # type: ignore[assignment]

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self.model.vision_embed_tokens = ImageEmbedding(config)
        self.post_init()  # type: ignore[no-untyped-call]

    # `generate` looks here for what it may pass: masks, positions, and how many logits are needed.
    def forward(
        self,
        input_ids: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        position_ids: torch.Tensor | None = None,
        inputs_embeds: torch.Tensor | None = None,
        pixel_values: torch.Tensor | None = None,
        image_sizes: torch.Tensor | None = None,
        logits_to_keep: int | torch.Tensor = 0,
        **kwargs: Any,
    ) -> Any:
        """Run Phi-3 over text and images; see Phi3VisionProcessor for the arguments, Phi3ForCausalLM for the rest."""
        if inputs_embeds is None and input_ids is not None:
            inputs_embeds = self._embeddings(input_ids, pixel_values, image_sizes)
        if position_ids is None and inputs_embeds is not None and attention_mask is not None:
            # From each row's own beginning, not from that of its padding, as `generate` counts: angles of positions
            # are rounded, by more than all else.
            position_ids = (attention_mask.long().cumsum(dim=-1) - 1).clamp_min(0)[:, -inputs_embeds.shape[1] :]
        return super().forward(
            attention_mask=attention_mask,
            position_ids=position_ids,
            inputs_embeds=inputs_embeds,
            logits_to_keep=logits_to_keep,
            **kwargs,
        )

    def _embeddings(
        self, input_ids: torch.Tensor, pixel_values: torch.Tensor | None, image_sizes: torch.Tensor | None
    ) -> torch.Tensor:
        embeddings: torch.Tensor = self.get_input_embeddings()(input_ids.clamp_min(0))
        places = input_ids < 0
        if pixel_values is None or image_sizes is None or not places.any():
            return embeddings
        sizes = image_sizes.tolist()
        parts = torch.split(pixel_values, [1 + rows * columns for rows, columns in sizes])
        # One image at a time: the tower's states of a whole batch would need more memory than the language model's.
        images = [self.model.vision_embed_tokens(part, *size) for part, size in zip(parts, sizes, strict=True)]
        return embeddings.masked_scatter(places[..., None], torch.cat(images).to(embeddings.device, embeddings.dtype))

    def prepare_inputs_for_generation(self, input_ids: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
        """See transformers. Images are embedded where their tokens are: with the prompt, and not with each token."""
        inputs = super().prepare_inputs_for_generation(input_ids, *args, **kwargs)
        fed = inputs.get("input_ids")
        if fed is not None and not (fed < 0).any():
            inputs.update(pixel_values=None, image_sizes=None)
        return inputs
