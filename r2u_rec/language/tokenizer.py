"""Tokenizers: one trained on the data at hand, or a model's own."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from r2u_rec.errors import DownloadError, SettingsError
from r2u_rec.optional import needed

PAD, END = "<|pad|>", "<|endoftext|>"
_SMALLEST = 258  # 256 bytes and two special tokens


def train_tokenizer(texts: Iterable[str], vocab_size: int = 2048) -> Any:
    """Returns a byte-level BPE tokenizer (`PreTrainedTokenizerFast`) with token 0 for padding and 1 for the end of a text.

    Any text can be coded and comes back unchanged. The same texts give the same vocabulary. Its merges are counted on the
    texts and stay after a text was forgotten: train it on texts that nobody may withdraw.

    Args:
        vocab_size: at most so many tokens, fewer when the texts hold no more pairs that occur twice; `len(tokenizer)` is the number.

    Raises:
        SettingsError: vocab_size < 258. CapabilityError: tokenizers or transformers is missing.
    """
    if vocab_size < _SMALLEST:
        raise SettingsError(f"vocab_size must be >= {_SMALLEST} (256 bytes and two special tokens), got {vocab_size}")
    tokenizers, transformers = needed("tokenizers", "training a tokenizer"), needed("transformers", "training a tokenizer")
    coder = tokenizers.Tokenizer(tokenizers.models.BPE())
    coder.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    coder.decoder = tokenizers.decoders.ByteLevel()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=vocab_size,
        min_frequency=2,
        special_tokens=[PAD, END],
        initial_alphabet=sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    coder.train_from_iterator(texts, trainer)
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=coder, pad_token=PAD, eos_token=END, bos_token=END, clean_up_tokenization_spaces=False
    )


def load_tokenizer(name_or_folder: str | Path, gguf_file: str | None = None) -> Any:
    """Returns the tokenizer of a Hugging Face model: a name, a folder, or a GGUF file in a folder.

    Raises:
        DownloadError: no such folder, and the name cannot be fetched. CapabilityError: transformers (or gguf) is missing.
    """
    transformers = needed("transformers", "loading a tokenizer")
    if gguf_file is not None:
        needed("gguf", "reading a GGUF file")
    more = {} if gguf_file is None else {"gguf_file": gguf_file}
    try:
        return transformers.AutoTokenizer.from_pretrained(str(name_or_folder), **more)
    except (OSError, ValueError) as error:
        raise DownloadError(
            f"no tokenizer at {name_or_folder} ({first_line(error)}): give a folder that holds one, or a name that can be fetched"
        ) from error


def padding(tokenizer: Any) -> int:
    """Returns the number that rows are padded with: the tokenizer's own, or its end-of-text token where it has none.

    Padding never counts in a loss, whichever number it is: a document's length says where it ends.
    """
    return int(tokenizer.eos_token_id if tokenizer.pad_token_id is None else tokenizer.pad_token_id)


def first_line(error: Exception) -> str:
    """Returns the first line of an error's message."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
