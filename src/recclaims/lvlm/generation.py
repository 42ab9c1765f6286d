"""Let a vision-language model answer, and read the hidden state at the end of its answer.

`generate` never returns the last token's own state: entry j of its hidden states produced token j, so it belongs to the
token before; and in a batch the last entry is padding for every row that stopped early. So we generate until every
row's first stop token has gone in as well, one step more than it takes to write it, and take the state that comes out
of that step: the last layer after the final norm, which is what the output embeddings are given. A row then depends
only on itself: what follows its stop token comes later, and attention looks back.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from recclaims import NotAvailableError
from recclaims.features.devices import shown_device

if TYPE_CHECKING:
    import torch
    from PIL.Image import Image

POOLINGS = ("eos", "mean", "last_prompt_token")


@dataclass(frozen=True)
class AnswerSettings:
    """How a model is asked.

    Attributes:
        pooling: which states become the embedding. `eos`: that of the stop token; `mean`: the mean over the answer's
            tokens; `last_prompt_token`: the last token of the prompt, without generating an answer.
        max_new_tokens: the longest answer; longer ones are cut off.
        temperature: 0 is greedy; otherwise tokens are drawn from softmax(logits / temperature).
        top_p: draw only from the most likely tokens whose probabilities add up to this.
    """

    pooling: str = "eos"
    max_new_tokens: int = 128
    temperature: float = 0.0
    top_p: float = 1.0


@dataclass(frozen=True)
class Question:
    """One item's prompt and image, and the seed of its sampling."""

    prompt: str
    image: Image | None
    seed: int = 0


@dataclass(frozen=True)
class Reply:
    """The answer to a question, and its embedding.

    Attributes:
        embedding: float32 (d,).
        text: the answer, without special tokens.
        tokens: how many were generated, including the stop token if there is one.
        truncated: no stop token came in time; one was appended, and its state is the embedding.
        batch: how many questions were asked at once; it affects the last digits.
        device: what computed it.
    """

    embedding: NDArray[np.float32]
    text: str
    tokens: int
    truncated: bool
    batch: int = 1
    device: str = "cpu"


def ask(
    model: Any,
    processor: Any,
    questions: Sequence[Question],
    settings: AnswerSettings,
    processors: Sequence[Any] = (),
) -> list[Reply]:
    """Ask a batch of questions.

    Args:
        model: a generative transformers model; its checkpoint's sampling settings are ignored.
        processor: its processor, or an object with `apply_chat_template` and `tokenizer`.
        questions: the batch, b of them.
        settings: see AnswerSettings.
        processors: further logits processors.

    Returns:
        One reply per question, the same as if it had been asked alone (up to rounding).
    """
    import torch

    _forget_sampling(model)
    inputs = _inputs(processor, questions).to(model.device, model.dtype)
    how = len(questions), shown_device(model.device)
    more = _logits_processors(questions, settings, processors)
    prompt_length = inputs["input_ids"].shape[1]
    with torch.inference_mode():
        if settings.pooling == "last_prompt_token":
            states = _states(model, dict(inputs))[:, -1]  # padding is on the left
            return [Reply(row, "", 0, False, *how) for row in _rows(states)]
        stops = stop_tokens(model, processor)
        closing = _closing_token(processor, stops)
        made, states = _decoded(model, inputs, _Ends(stops, closing, settings.max_new_tokens, prompt_length), more)
        lengths, truncated = _lengths(made[:, : settings.max_new_tokens], stops)
        pooled = _pool(states, lengths, settings.pooling)
    texts = processor.tokenizer.batch_decode(
        [row[:length] for row, length in zip(made.tolist(), lengths.tolist(), strict=True)], skip_special_tokens=True
    )
    counts = (lengths + (~truncated).long()).tolist()
    return [
        Reply(row, text.strip(), count, bool(cut), *how)
        for row, text, count, cut in zip(_rows(pooled), texts, counts, truncated.tolist(), strict=True)
    ]


def stop_tokens(model: Any, processor: Any) -> frozenset[int]:
    """The ids that end an answer, as the checkpoint says: several models have more than one."""
    named = model.generation_config.eos_token_id
    listed = named if isinstance(named, list | tuple) else [named]
    return frozenset(i for i in (*listed, processor.tokenizer.eos_token_id) if i is not None)


def _closing_token(processor: Any, stops: frozenset[int]) -> int:
    """What is appended to an answer that was cut off: the end of a turn."""
    own = processor.tokenizer.eos_token_id
    return int(own) if own in stops else min(stops)


def _inputs(processor: Any, questions: Sequence[Question]) -> Any:
    conversations = []
    for question in questions:
        parts: list[dict[str, Any]] = [{"type": "text", "text": question.prompt}]
        if question.image is not None:
            parts.insert(0, {"type": "image", "image": question.image})
        conversations.append([{"role": "user", "content": parts}])
    # On the right, padding would stand between prompt and answer.
    processor.tokenizer.padding_side = "left"
    return processor.apply_chat_template(
        conversations,
        tokenize=True,
        add_generation_prompt=True,
        return_dict=True,
        return_tensors="pt",
        processor_kwargs={"padding": True},
    )


def _forget_sampling(model: Any) -> None:
    """Keep of the checkpoint's generation settings only which tokens begin, end and pad.

    `generate` fills whatever a call leaves open from them, and checkpoints ask for sampling, and for a penalty on
    repetition that counts the padding too, so that an answer would depend on its batch.
    """
    from transformers import GenerationConfig

    own = model.generation_config
    stops = own.eos_token_id
    pad = own.pad_token_id if own.pad_token_id is not None else model.config.get_text_config().pad_token_id
    if pad is None:
        pad = stops[0] if isinstance(stops, list) else stops
    made: Callable[..., Any] = GenerationConfig
    model.generation_config = made(bos_token_id=own.bos_token_id, eos_token_id=stops, pad_token_id=pad)


def _placeholders(model: Any) -> list[int]:
    """Tokens that stand for an image or a video: no words of an answer."""
    names = ("image_token_id", "video_token_id", "image_token_index", "audio_token_id")
    return sorted({i for name in names if isinstance(i := getattr(model.config, name, None), int)})


def _logits_processors(questions: Sequence[Question], settings: AnswerSettings, more: Sequence[Any]) -> Any:
    from transformers import LogitsProcessorList

    seeds = [question.seed for question in questions]
    drawn = [_sampling(settings.temperature, seeds, settings.top_p)] if settings.temperature > 0 else []
    return LogitsProcessorList([*drawn, *more])


def _sampling(temperature: float, seeds: Sequence[int], top_p: float = 1.0) -> Any:
    """Sampling by the Gumbel trick: argmax(logits / T + noise) draws from softmax(logits / T).

    Every row has a generator of its own, so that an answer depends neither on the batch nor on where a run that
    was stopped went on.
    """
    import torch
    from transformers import LogitsProcessor, TopPLogitsWarper

    likely = TopPLogitsWarper(top_p) if top_p < 1 else None
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]

    class Gumbel(LogitsProcessor):
        def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
            uniform = torch.stack([torch.rand(scores.shape[1], generator=g, dtype=torch.float64) for g in generators])
            noise = -torch.log(-torch.log(uniform.clamp(1e-300, 1 - 1e-16)))
            scores = scores / temperature
            if likely is not None:
                scores = likely(input_ids, scores)
            return scores + noise.to(scores.device, scores.dtype)

    return Gumbel()


def _lengths(made: torch.Tensor, stops: frozenset[int]) -> tuple[torch.Tensor, torch.Tensor]:
    """Tokens before each row's first stop token, int64 (b,), and whether there is none, bool (b,)."""
    import torch

    stopped = torch.isin(made, torch.tensor(sorted(stops), device=made.device))
    truncated = ~stopped.any(dim=1)
    first = torch.where(truncated, made.shape[1], stopped.int().argmax(dim=1))
    return first, truncated


class _Ends:
    """Where answers end: a logits processor and a stopping criterion of `generate`.

    An answer without a stop token after `most` tokens gets one. Decoding goes on until every row's stop token has gone
    in itself.
    """

    def __init__(self, stops: frozenset[int], closing: int, most: int, prompt_length: int) -> None:
        self.stops, self.closing, self.most, self.prompt_length = sorted(stops), closing, most, prompt_length

    def close(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Let nothing but the end follow the longest answer."""
        if input_ids.shape[1] < self.prompt_length + self.most:
            return scores
        closed = scores.new_full(scores.shape, float("-inf"))
        closed[:, self.closing] = 0
        return closed

    def reached(self, input_ids: torch.Tensor, scores: Any, **_: Any) -> torch.Tensor:
        """Whether every row has a stop token before its last token, bool (b,), the same for all."""
        import torch

        gone_in = input_ids[:, self.prompt_length : -1]
        stopped = torch.isin(gone_in, torch.tensor(self.stops, device=gone_in.device)).any(dim=1)
        return stopped.all().expand(len(input_ids))


def _decoded(model: Any, inputs: Any, ends: _Ends, processors: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """Generate until every answer has ended.

    Returns:
        The tokens, int64 (b, t + 1), and the states of all but the last of them, (b, t, d).
    """
    import torch
    from transformers import LogitsProcessorList, StoppingCriteriaList

    head = model.get_output_embeddings()
    if head is None:
        raise NotAvailableError(f"{type(model).__name__} has no output embeddings, whose input is the state to be read")
    states: list[torch.Tensor] = []
    hook = head.register_forward_pre_hook(lambda _, given: states.append(given[0][:, -1].clone()))
    own = model.generation_config
    stops, own.eos_token_id = own.eos_token_id, None  # `generate` would stop one step too early
    try:
        made = model.generate(
            **inputs,
            do_sample=False,
            max_new_tokens=ends.most + 2,
            suppress_tokens=_placeholders(model) or None,
            logits_processor=LogitsProcessorList([*processors, ends.close]),
            stopping_criteria=StoppingCriteriaList([ends.reached]),
        )[:, ends.prompt_length :]
    finally:
        own.eos_token_id = stops
        hook.remove()
    # Entry j came out when token j - 1 went in; the first one is the prompt's.
    return made, torch.stack(states[1:], dim=1)


def _states(model: Any, inputs: dict[str, Any]) -> torch.Tensor:
    """The last layer's states after the final norm, (b, length, d)."""
    out = model(**inputs, output_hidden_states=True, use_cache=False, logits_to_keep=1)
    states: torch.Tensor = out.hidden_states[-1]
    return states


def _pool(states: torch.Tensor, lengths: torch.Tensor, pooling: str) -> torch.Tensor:
    """From the answers' states (b, t, d) to (b, d)."""
    import torch

    rows = torch.arange(len(states), device=states.device)
    lengths = lengths.to(states.device)
    if pooling == "eos":
        return states[rows, lengths]
    # An empty answer has its stop token alone.
    ends = lengths.clamp_min(1)
    inside = torch.arange(states.shape[1], device=states.device) < ends[:, None]
    return (states.float() * inside[..., None]).sum(dim=1) / ends[:, None]


def _rows(states: torch.Tensor) -> list[NDArray[np.float32]]:
    return list(states.float().cpu().numpy())
