"""Embedding checkpoints under 1 MB, as sentence-transformers loads them: random weights, tokenizers trained here.

They are saved and loaded through the same classes as the real ones. They exercise the code and prove no claim.
"""

from pathlib import Path

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer
from transformers import (
    BertConfig,
    BertModel,
    CLIPConfig,
    CLIPImageProcessor,
    CLIPModel,
    CLIPProcessor,
    Siglip2Config,
    Siglip2ImageProcessor,
    Siglip2Model,
    Siglip2Processor,
)

from ..lvlm.tiny import qwen3_vl, tokenizer

#: Large, so that rows differ clearly.
SPREAD = 0.4
#: Tokens that the CLIP, SigLIP2 and BERT made here read.
LIMIT = 48
_TEXT = {
    "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 2,
    "max_position_embeddings": LIMIT,
}  # fmt: skip
_VISION = {
    "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 2, "patch_size": 8,
}  # fmt: skip


def _spread(model: torch.nn.Module) -> torch.nn.Module:
    torch.manual_seed(0)
    for name, weight in model.named_parameters():
        if weight.ndim > 1:
            torch.nn.init.normal_(weight, std=SPREAD)
        elif "bias" in name:
            torch.nn.init.normal_(weight, std=0.1)
    return model


def clip(folder: Path) -> Path:
    """Text and image in one space, not together, as CLIP."""
    tok = tokenizer(["<|start|>", "<|end|>"], "<|end|>", "<|end|>")
    tok.bos_token, tok.model_max_length = "<|start|>", LIMIT
    ends = {name: tok.convert_tokens_to_ids(f"<|{name}|>") for name in ("start", "end")}
    _end_with(tok, "<|end|>")
    config = CLIPConfig(
        text_config={
            **_TEXT, "vocab_size": len(tok), "bos_token_id": ends["start"], "eos_token_id": ends["end"],
            "pad_token_id": ends["end"],
        },
        vision_config={**_VISION, "image_size": 32},
        projection_dim=24,
    )  # fmt: skip
    _spread(CLIPModel(config)).save_pretrained(folder)
    size = {"size": {"shortest_edge": 32}, "crop_size": {"height": 32, "width": 32}}
    CLIPProcessor(CLIPImageProcessor(**size), tok).save_pretrained(folder)
    return folder


def siglip2(folder: Path) -> Path:
    """The same as SigLIP2 does it: images of any shape, texts padded to their full length without a mask."""
    # As Gemma's, which is loaded for this model.
    tok = tokenizer(["<pad>", "<eos>", "<bos>", "<unk>"], "<eos>", "<pad>")
    tok.model_max_length = LIMIT
    tok.model_input_names = ["input_ids"]  # as the real one has it: no attention mask
    _end_with(tok, "<eos>")
    config = Siglip2Config(
        text_config={
            **_TEXT, "vocab_size": len(tok), "projection_size": 32, "pad_token_id": tok.pad_token_id,
            "eos_token_id": tok.eos_token_id, "bos_token_id": None,
        },
        vision_config={**_VISION, "patch_size": 16, "num_patches": 16},
    )  # fmt: skip
    _spread(Siglip2Model(config)).save_pretrained(folder)
    Siglip2Processor(Siglip2ImageProcessor(patch_size=16, max_num_patches=16), tok).save_pretrained(folder)
    return folder


def qwen3_vl_embedding(folder: Path) -> Path:
    """Text and image together, the state of the last token, as Qwen3-VL-Embedding."""
    raw = folder.with_name(f"{folder.name}-raw")
    transformer = Transformer(str(qwen3_vl(raw)))
    transformer.processor.tokenizer.padding_side = "left"
    pooling = Pooling(transformer.get_embedding_dimension(), "lasttoken")
    prompts = {"query": "Retrieve what fits", "document": "Represent the product"}
    SentenceTransformer(modules=[transformer, pooling, Normalize()], prompts=prompts).save(str(folder))
    return folder


def bert(folder: Path) -> Path:
    """Text alone, with a prompt for documents and another for queries."""
    raw = folder.with_name(f"{folder.name}-raw")
    tok = tokenizer(["[PAD]", "[SEP]"], "[SEP]", "[PAD]")
    tok.model_max_length = LIMIT
    config = BertConfig(vocab_size=len(tok), pad_token_id=tok.pad_token_id, **_TEXT)
    _spread(BertModel(config)).save_pretrained(raw)
    tok.save_pretrained(raw)
    transformer = Transformer(str(raw))
    prompts = {"query": "query: ", "document": "passage: "}
    modules = [transformer, Pooling(transformer.get_embedding_dimension(), "mean"), Normalize()]
    SentenceTransformer(modules=modules, prompts=prompts).save(str(folder))
    return folder


def _end_with(tok, token: str) -> None:
    from tokenizers.processors import TemplateProcessing

    tok.backend_tokenizer.post_processor = TemplateProcessing(
        single=f"$A {token}", pair=f"$A $B {token}", special_tokens=[(token, tok.convert_tokens_to_ids(token))]
    )
