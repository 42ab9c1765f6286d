"""A Phi-3-vision under 1 MB: config.json as the real one's, weights from a seed under the real names.

It is written file by file, so that it depends on no class that reads it.
"""

import json
from pathlib import Path

import numpy as np
from PIL import Image
from safetensors.numpy import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from tokenizers.processors import TemplateProcessing
from transformers import PreTrainedTokenizerFast

SPECIALS = ["<s>", "<|endoftext|>", "<|user|>", "<|end|>", "<|assistant|>"]
TEMPLATE = (
    "{% for message in messages %}{{ '<|' + message['role'] + '|>' + '\n' + message['content'] + '<|end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% endif %}"
)
VISION = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 3, "num_attention_heads": 2}
CONFIG = {
    "model_type": "phi3_v",
    "architectures": ["Phi3VForCausalLM"],
    "auto_map": {"AutoModelForCausalLM": "modeling_phi3_v.Phi3VForCausalLM"},
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 131072,
    "original_max_position_embeddings": 4096,
    "rms_norm_eps": 1e-5,
    "rope_theta": 10000.0,
    "rope_scaling": {
        "type": "su", "short_factor": [1.05, 1.1, 1.4, 2.0], "long_factor": [1.03, 1.9, 15.7, 64.8],
    },
    "sliding_window": 131072,
    "tie_word_embeddings": False,
    "torch_dtype": "float32",
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 1,
    "embd_layer": {
        "embedding_cls": "image", "hd_transform_order": "sub_glb", "projection_cls": "mlp", "use_hd_transform": True,
        "with_learnable_separator": True,
    },
    "img_processor": {
        "image_dim_out": 32, "model_name": "openai/clip-vit-large-patch14-336", "name": "clip_vision_model",
        "num_img_tokens": 144,
    },
    "vision_config": VISION,
}  # fmt: skip
PREPROCESSOR = {
    "auto_map": {"AutoProcessor": "processing_phi3_v.Phi3VProcessor"},
    "image_mean": [0.48145466, 0.4578275, 0.40821073],
    "image_std": [0.26862954, 0.26130258, 0.27577711],
    "num_crops": 4,
    "num_img_tokens": 144,
}


def shapes(vocabulary: int) -> dict[str, tuple[int, ...]]:
    """The weights' names and shapes."""
    d, inner, v, v_inner = 32, 48, 32, 48
    found = {
        "model.embed_tokens.weight": (vocabulary, d),
        "model.norm.weight": (d,),
        "lm_head.weight": (vocabulary, d),
    }
    for layer in range(2):
        place = f"model.layers.{layer}"
        found |= {
            f"{place}.input_layernorm.weight": (d,),
            f"{place}.post_attention_layernorm.weight": (d,),
            f"{place}.self_attn.qkv_proj.weight": (d + 2 * 16, d),
            f"{place}.self_attn.o_proj.weight": (d, d),
            f"{place}.mlp.gate_up_proj.weight": (2 * inner, d),
            f"{place}.mlp.down_proj.weight": (d, inner),
        }
    image = "model.vision_embed_tokens"
    tower = f"{image}.img_processor.vision_model"
    found |= {
        f"{image}.glb_GN": (1, 1, 4 * v),
        f"{image}.sub_GN": (1, 1, 1, 4 * v),
        f"{image}.img_projection.0.weight": (d, 4 * v),
        f"{image}.img_projection.0.bias": (d,),
        f"{image}.img_projection.2.weight": (d, d),
        f"{image}.img_projection.2.bias": (d,),
        f"{tower}.embeddings.class_embedding": (v,),
        f"{tower}.embeddings.patch_embedding.weight": (v, 3, 14, 14),
        f"{tower}.embeddings.position_embedding.weight": (577, v),
    }
    for name in ("pre_layrnorm", "post_layernorm"):
        found |= {f"{tower}.{name}.weight": (v,), f"{tower}.{name}.bias": (v,)}
    for layer in range(3):
        place = f"{tower}.encoder.layers.{layer}"
        for name in ("layer_norm1", "layer_norm2"):
            found |= {f"{place}.{name}.weight": (v,), f"{place}.{name}.bias": (v,)}
        for name in ("q_proj", "k_proj", "v_proj", "out_proj"):
            found |= {f"{place}.self_attn.{name}.weight": (v, v), f"{place}.self_attn.{name}.bias": (v,)}
        found |= {f"{place}.mlp.fc1.weight": (v_inner, v), f"{place}.mlp.fc1.bias": (v_inner,)}
        found |= {f"{place}.mlp.fc2.weight": (v, v_inner), f"{place}.mlp.fc2.bias": (v,)}
    return found


def weights(vocabulary: int) -> dict[str, np.ndarray]:
    """Normal numbers, scaled so that states neither vanish nor explode; norms about 1."""
    random = np.random.RandomState(7)
    made = {}
    for name, shape in shapes(vocabulary).items():
        drawn = random.standard_normal(shape)
        if "norm" in name and name.endswith("weight"):
            drawn = 1 + 0.1 * drawn
        elif name.endswith("bias"):
            drawn = 0.1 * drawn
        elif len(shape) > 1 and "embed" not in name.rsplit(".", 2)[-2]:
            # Large in the language model, so that answers differ and depend on the image.
            drawn = drawn * (4 if "model.layers" in name else 1.5) / np.sqrt(shape[-1])
        elif "patch_embedding" in name:
            drawn = drawn / np.sqrt(588)
        made[name] = drawn.astype(np.float32)
    return made


def tokenizer() -> PreTrainedTokenizerFast:
    """One token for each byte: what a trained one merges can differ from run to run."""
    vocabulary = {token: place for place, token in enumerate(SPECIALS + sorted(pre_tokenizers.ByteLevel.alphabet()))}
    bytewise = Tokenizer(models.BPE(vocabulary, []))
    bytewise.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bytewise.decoder = decoders.ByteLevel()
    bytewise.post_processor = TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)])
    end = "<|endoftext|>"
    return PreTrainedTokenizerFast(
        tokenizer_object=bytewise, bos_token=SPECIALS[0], eos_token=end, pad_token=end, extra_special_tokens=SPECIALS,
        chat_template=TEMPLATE,
    )  # fmt: skip


def phi3_vision(folder: Path) -> Path:
    """Write the checkpoint."""
    words = tokenizer()
    words.save_pretrained(folder)
    stops = {"eos_token_id": [1], "pad_token_id": 1, "do_sample": True, "repetition_penalty": 1.3}
    documents = {
        "config": CONFIG | {"vocab_size": len(words)}, "preprocessor_config": PREPROCESSOR, "generation_config": stops,
    }  # fmt: skip
    for name, document in documents.items():
        (folder / f"{name}.json").write_text(json.dumps(document))
    save_file(weights(len(words)), folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def picture(width: int, height: int) -> Image.Image:
    """Noise of any size, the same everywhere."""
    drawn = np.random.RandomState(width * 1000 + height).randint(0, 256, (height, width, 3))
    return Image.fromarray(drawn.astype(np.uint8))
