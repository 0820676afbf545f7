"""Causal language models as builders: (documents, seed) -> nn.Module, in float32."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from r2u_rec.errors import DownloadError, SettingsError
from r2u_rec.language.documents import Documents
from r2u_rec.language.task import Build
from r2u_rec.language.tokenizer import first_line
from r2u_rec.optional import needed

_ATTENTION = "eager"  # the fused kernels have no second derivative


def tiny_gpt2(
    vocab_size: int, length: int, width: int = 128, layers: int = 4, heads: int = 4, *, tied: bool = True, dropout: float = 0.0
) -> Build:
    """Returns the builder of an untrained GPT-2: 1.06 million parameters with 2,048 tokens and the defaults.

    Args:
        length: positions, the width of the documents. width: of the hidden states, a multiple of heads.
        tied: input and output embedding are one table.
        dropout: 0 gives the same loss at each pass.

    Raises:
        SettingsError: width not a multiple of heads, or dropout outside [0, 1).
    """
    _check_shape(width, heads, dropout)

    def build(documents: Documents, seed: int) -> nn.Module:
        transformers = needed("transformers", "a GPT-2")
        rates = {"resid_pdrop": dropout, "embd_pdrop": dropout, "attn_pdrop": dropout}
        shape = {"n_positions": length, "n_embd": width, "n_layer": layers, "n_head": heads}
        return _fresh(transformers.GPT2LMHeadModel, transformers.GPT2Config(vocab_size=vocab_size, **shape, **rates, **_common(tied)), seed)

    return build


def tiny_llama(
    vocab_size: int, length: int, width: int = 128, layers: int = 4, heads: int = 4, *, tied: bool = True, dropout: float = 0.0
) -> Build:
    """Returns the builder of an untrained Llama (rotary positions, gated feed-forward layers of 8/3 the width); else as `tiny_gpt2`."""
    _check_shape(width, heads, dropout)

    def build(documents: Documents, seed: int) -> nn.Module:
        transformers = needed("transformers", "a Llama")
        shape = {"hidden_size": width, "num_hidden_layers": layers, "num_attention_heads": heads, "intermediate_size": 8 * width // 3}
        config = transformers.LlamaConfig(
            vocab_size=vocab_size, max_position_embeddings=length, attention_dropout=dropout, **shape, **_common(tied)
        )
        return _fresh(transformers.LlamaForCausalLM, config, seed)

    return build


def pretrained(name_or_folder: str | Path, gguf_file: str | None = None, *, dropout: float = 0.0) -> Build:
    """Returns the builder of a trained Hugging Face causal model: a name, a folder, or a GGUF file in a folder.

    The seed plays no part. What the model has learned before is in every copy, retrained ones too.

    Args:
        gguf_file: its name; quantised weights become float32.
        dropout: every rate of the model's configuration is set to it.

    Raises:
        DownloadError: at building, when there is no such folder and the name cannot be fetched.
        CapabilityError: at building, when transformers (or gguf) is missing.
    """

    def build(documents: Documents, seed: int) -> nn.Module:
        transformers = needed("transformers", "a pretrained model")
        more = {} if gguf_file is None else {"gguf_file": gguf_file}
        if gguf_file is not None:
            needed("gguf", "reading a GGUF file")
            needed("accelerate", "reading a GGUF file")
        try:
            config = transformers.AutoConfig.from_pretrained(str(name_or_folder), **more)
            for rate in [name for name in vars(config) if name.endswith(("dropout", "pdrop"))]:
                setattr(config, rate, dropout)
            config.use_cache = False
            model: nn.Module = transformers.AutoModelForCausalLM.from_pretrained(
                str(name_or_folder), config=config, dtype=torch.float32, attn_implementation=_ATTENTION, **more
            )
        except (OSError, ValueError) as error:
            raise DownloadError(
                f"no causal model at {name_or_folder} ({first_line(error)}): give a folder that holds one, or a name that can be fetched"
            ) from error
        return model

    return build


def with_lora(builder: Build, r: int = 8, *, alpha: float = 16.0, targets: Sequence[str] | None = None, dropout: float = 0.0) -> Build:
    """Returns the builder of the same model with low-rank adapters, which alone are trained and unlearned.

    Args:
        r: rank of each adapter. alpha: the adapters count alpha / r.
        targets: endings of the layers' names that get one; None takes every linear layer but the output.

    Raises:
        SettingsError: r < 1, or targets that match no layer.
        CapabilityError: at building, when peft is missing.

    Source: Hu et al., LoRA, 2021.
    """
    if r < 1:
        raise SettingsError(f"the rank r of the adapters must be >= 1, got {r}")

    def build(documents: Documents, seed: int) -> nn.Module:
        peft = needed("peft", "LoRA")
        model = builder(documents, seed)
        chosen = "all-linear" if targets is None else list(targets)
        conv = any(type(module).__name__ == "Conv1D" for module in model.modules())  # GPT-2 keeps its weights transposed
        config = peft.LoraConfig(
            r=r, lora_alpha=alpha, lora_dropout=dropout, target_modules=chosen, task_type="CAUSAL_LM", fan_in_fan_out=conv
        )
        with torch.random.fork_rng([]), warnings.catch_warnings():
            warnings.filterwarnings("ignore", "`is_gradient_checkpointing`", FutureWarning)  # peft asks transformers by its old name
            torch.manual_seed(seed)
            try:
                adapted: nn.Module = peft.get_peft_model(model, config)
                return adapted
            except ValueError as error:
                raise SettingsError(f"targets={chosen} cannot be adapted ({first_line(error)}): name linear layers of the model") from error

    return build


def from_state(model: nn.Module) -> Build:
    """Returns the builder of copies of `model` as it is now: fine-tuning starts there.

    What `model` has seen is in every copy: retraining from it forgets only what came after.
    """
    kept = copy.deepcopy(model)
    kept.zero_grad(set_to_none=True)
    return lambda documents, seed: copy.deepcopy(kept)


def _common(tied: bool) -> dict[str, Any]:
    special = {"bos_token_id": None, "eos_token_id": None, "pad_token_id": None}  # the tokenizer knows them
    return {"attn_implementation": _ATTENTION, "use_cache": False, "tie_word_embeddings": tied, **special}


def _fresh(kind: Any, config: Any, seed: int) -> nn.Module:
    """Returns a model whose parameters are drawn from `seed`; torch's own generator is left as it was."""
    with torch.random.fork_rng([]):
        torch.manual_seed(seed)
        model: nn.Module = kind(config).float()
    return model


def _check_shape(width: int, heads: int, dropout: float) -> None:
    if width % heads:
        raise SettingsError(f"width must be a multiple of heads, got {width} and {heads}")
    if not 0 <= dropout < 1:
        raise SettingsError(f"dropout must lie in [0, 1), got {dropout}")
