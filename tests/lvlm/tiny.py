"""Vision-language checkpoints under 1 MB, from config alone: random weights, a tokenizer trained here, a template.

They are saved and loaded through the same classes as the real ones. They exercise the code and prove no claim.
"""

from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    GenerationConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaProcessor,
    PreTrainedTokenizerFast,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2_5_VLProcessor,
    Qwen2VLConfig,
    Qwen2VLForConditionalGeneration,
    Qwen2VLProcessor,
    Qwen3VLConfig,
    Qwen3VLForConditionalGeneration,
    Qwen3VLProcessor,
    SmolVLMConfig,
    SmolVLMForConditionalGeneration,
    SmolVLMProcessor,
)

TEXTS = ["Look at the image and fill in the blanks", "Describe the product in this image"] * 3
TEXT_MODEL = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 2048,
    # Large, so that rows differ clearly and answers are no constant.
    "initializer_range": 0.4,
}


def tokenizer(specials: list[str], stop: str, pad: str) -> PreTrainedTokenizerFast:
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    bpe.train_from_iterator(
        TEXTS, trainers.BpeTrainer(vocab_size=320, special_tokens=specials, initial_alphabet=alphabet)
    )
    return PreTrainedTokenizerFast(tokenizer_object=bpe, eos_token=stop, pad_token=pad, extra_special_tokens=specials)


def save(folder: Path, model, processor, stops: list[int]) -> Path:
    model.generation_config = GenerationConfig(
        # As real checkpoints have it: sampling and a repetition penalty that an encoder must not inherit.
        do_sample=True,
        temperature=0.7,
        repetition_penalty=1.3,
        eos_token_id=stops,
        pad_token_id=processor.tokenizer.pad_token_id,
    )
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


QWEN_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{% for part in message.content %}"
    "{% if part.type == 'image' %}<|vision_start|><|image_pad|><|vision_end|>{% else %}{{ part.text }}{% endif %}"
    "{% endfor %}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
QWEN_SPECIALS = [
    "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>",
    "<|video_pad|>",
]  # fmt: skip


def _qwen(folder: Path, config_class, model_class, processor_class, vision: dict) -> Path:
    from transformers import Qwen2VLImageProcessor, Qwen2VLVideoProcessor

    torch.manual_seed(0)
    tok = tokenizer(QWEN_SPECIALS, "<|im_end|>", "<|endoftext|>")
    ids = tok.convert_tokens_to_ids
    pixels = {"min_pixels": 28 * 28, "max_pixels": 28 * 28 * 6}
    processor = processor_class(
        Qwen2VLImageProcessor(**pixels), tok, Qwen2VLVideoProcessor(**pixels), chat_template=QWEN_TEMPLATE
    )
    config = config_class(
        text_config={
            **TEXT_MODEL,
            "vocab_size": len(tok),
            "rope_parameters": {"rope_type": "default", "rope_theta": 10_000.0, "mrope_section": [1, 1, 2]},
            "bos_token_id": None,
            "eos_token_id": ids("<|im_end|>"),
            "pad_token_id": ids("<|endoftext|>"),
        },
        vision_config=vision,
        image_token_id=ids("<|image_pad|>"),
        video_token_id=ids("<|video_pad|>"),
        vision_start_token_id=ids("<|vision_start|>"),
        vision_end_token_id=ids("<|vision_end|>"),
    )
    return save(folder, model_class(config), processor, [ids("<|im_end|>"), ids("<|endoftext|>")])


def qwen2_vl(folder: Path) -> Path:
    vision = {"depth": 1, "embed_dim": 32, "hidden_size": 32, "num_heads": 2, "mlp_ratio": 2}
    return _qwen(folder, Qwen2VLConfig, Qwen2VLForConditionalGeneration, Qwen2VLProcessor, vision)


def qwen2_5_vl(folder: Path) -> Path:
    vision = {
        "depth": 2, "hidden_size": 32, "out_hidden_size": 32, "num_heads": 2, "intermediate_size": 48,
        "fullatt_block_indexes": [1], "window_size": 56,
    }  # fmt: skip
    return _qwen(folder, Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration, Qwen2_5_VLProcessor, vision)


def qwen3_vl(folder: Path) -> Path:
    vision = {
        "depth": 2, "hidden_size": 32, "out_hidden_size": 32, "num_heads": 2, "intermediate_size": 48,
        "deepstack_visual_indexes": [0], "patch_size": 14, "num_position_embeddings": 16,
    }  # fmt: skip
    return _qwen(folder, Qwen3VLConfig, Qwen3VLForConditionalGeneration, Qwen3VLProcessor, vision)


def smolvlm(folder: Path) -> Path:
    from transformers import SmolVLMImageProcessor, SmolVLMVideoProcessor

    torch.manual_seed(0)
    specials = ["<|im_start|>", "<end_of_utterance>", "<fake_token_around_image>", "<image>", "<global-img>", "<pad>"]
    specials += [f"<row_{row}_col_{column}>" for row in (1, 2) for column in (1, 2)]
    tok = tokenizer(specials, "<end_of_utterance>", "<pad>")
    ids = tok.convert_tokens_to_ids
    sizes = {"size": {"longest_edge": 32}, "max_image_size": {"longest_edge": 16}}
    template = (
        "<|im_start|>{% for message in messages %}{{ message.role | capitalize }}:{% for part in message.content %}"
        "{% if part.type == 'image' %}<image>{% else %}{{ part.text }}{% endif %}{% endfor %}<end_of_utterance>\n"
        "{% endfor %}{% if add_generation_prompt %}Assistant:{% endif %}"
    )
    processor = SmolVLMProcessor(
        SmolVLMImageProcessor(**sizes), tok, SmolVLMVideoProcessor(**sizes), image_seq_len=4, chat_template=template
    )
    config = SmolVLMConfig(
        text_config={"model_type": "llama", **TEXT_MODEL, "vocab_size": len(tok), "pad_token_id": ids("<pad>")},
        vision_config={
            "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 1, "num_attention_heads": 2,
            "image_size": 16, "patch_size": 4, "initializer_range": 0.4,
        },
        image_token_id=ids("<image>"),
        scale_factor=2,
        pad_token_id=ids("<pad>"),
        tie_word_embeddings=False,
    )  # fmt: skip
    return save(folder, SmolVLMForConditionalGeneration(config), processor, [ids("<end_of_utterance>")])


def llava(folder: Path) -> Path:
    from transformers import CLIPImageProcessor

    torch.manual_seed(0)
    tok = tokenizer(["<s>", "</s>", "<image>", "<pad>"], "</s>", "<pad>")
    ids = tok.convert_tokens_to_ids
    template = (
        "{% for message in messages %}{{ message.role | upper }}: {% for part in message.content %}"
        "{% if part.type == 'image' %}<image>\n{% else %}{{ part.text }}{% endif %}{% endfor %} {% endfor %}"
        "{% if add_generation_prompt %}ASSISTANT:{% endif %}"
    )
    processor = LlavaProcessor(
        CLIPImageProcessor(size={"shortest_edge": 16}, crop_size={"height": 16, "width": 16}),
        tok,
        patch_size=4,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=template,
    )
    config = LlavaConfig(
        text_config={"model_type": "llama", **TEXT_MODEL, "vocab_size": len(tok), "pad_token_id": ids("<pad>")},
        vision_config={
            "model_type": "clip_vision_model", "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2,
            "num_attention_heads": 2, "image_size": 16, "patch_size": 4, "projection_dim": 32,
        },
        image_token_index=ids("<image>"),
        image_seq_length=16,
    )  # fmt: skip
    return save(folder, LlavaForConditionalGeneration(config), processor, [ids("</s>")])


BUILDERS = {"qwen2-vl": qwen2_vl, "qwen2.5-vl": qwen2_5_vl, "qwen3-vl": qwen3_vl, "smolvlm": smolvlm, "llava": llava}
