"""Tokenizers: the same texts give the same one, and what is missing is named with its remedy."""

from __future__ import annotations

import importlib

import pytest
from language_toys import TEXTS

from r2u_rec.errors import CapabilityError, DownloadError, SettingsError
from r2u_rec.language.models import pretrained, tiny_gpt2, tiny_llama, with_lora
from r2u_rec.language.tokenizer import load_tokenizer, padding, train_tokenizer


def test_the_same_texts_give_the_same_tokenizer(tokenizer):
    again = train_tokenizer(TEXTS.text, 300)
    assert again.backend_tokenizer.to_str() == tokenizer.backend_tokenizer.to_str()
    assert train_tokenizer(TEXTS.text[:20], 300).get_vocab() != tokenizer.get_vocab()


def test_frequent_words_become_one_token_and_special_tokens_come_first(tokenizer):
    assert len(tokenizer) == 300
    assert (tokenizer.pad_token_id, tokenizer.eos_token_id) == (0, 1)
    assert len(train_tokenizer(TEXTS.text, 1000).tokenize("4 tree")) == 2 < len(tokenizer.tokenize("4 tree"))
    assert tokenizer("4 tree")["input_ids"] == tokenizer("4 tree", add_special_tokens=False)["input_ids"]


def test_few_texts_give_fewer_tokens_than_asked():
    assert len(train_tokenizer(["ab ab"], 4096)) < 270


def test_a_vocabulary_below_the_bytes_is_refused():
    with pytest.raises(SettingsError, match=r"vocab_size must be >= 258 \(256 bytes and two special tokens\), got 200"):
        train_tokenizer(TEXTS.text, 200)


def test_a_tokenizer_is_loaded_from_its_folder(tokenizer, tmp_path):
    tokenizer.save_pretrained(tmp_path)
    loaded = load_tokenizer(tmp_path)
    assert loaded(list(TEXTS.text))["input_ids"] == tokenizer(list(TEXTS.text))["input_ids"]
    assert (padding(loaded), loaded.eos_token_id) == (0, 1)


def test_without_a_padding_token_the_end_token_pads(tokenizer, tmp_path):
    tokenizer.save_pretrained(tmp_path)
    loaded = load_tokenizer(tmp_path)
    loaded.pad_token = None
    assert padding(loaded) == 1


def test_a_place_without_a_tokenizer_is_named(tmp_path):
    with pytest.raises(DownloadError, match=r"no tokenizer at .*nothing .*: give a folder that holds one, or a name that can be fetched"):
        load_tokenizer(tmp_path / "nothing")


@pytest.mark.parametrize(
    ("library", "use", "purpose"),
    [
        ("tokenizers", lambda docs: train_tokenizer(["ab"]), "training a tokenizer"),
        ("transformers", lambda docs: load_tokenizer("x"), "loading a tokenizer"),
        ("gguf", lambda docs: load_tokenizer("x", "y.gguf"), "reading a GGUF file"),
        ("transformers", lambda docs: tiny_gpt2(300, 16)(docs, 0), "a GPT-2"),
        ("transformers", lambda docs: tiny_llama(300, 16)(docs, 0), "a Llama"),
        ("transformers", lambda docs: pretrained("x")(docs, 0), "a pretrained model"),
        ("accelerate", lambda docs: pretrained("x", "y.gguf")(docs, 0), "reading a GGUF file"),
        ("peft", lambda docs: with_lora(tiny_gpt2(300, 16))(docs, 0), "LoRA"),
    ],
)
def test_a_missing_library_is_named_with_its_remedy(library, use, purpose, documents, monkeypatch):
    real = importlib.import_module

    def without(name, *args):
        if name == library:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return real(name, *args)

    monkeypatch.setattr(importlib, "import_module", without)
    with pytest.raises(CapabilityError, match=rf"{purpose} needs {library}, which is not installed: pip install 'r2u-rec\[language\]'"):
        use(documents)


def test_a_library_that_lacks_something_of_its_own_says_so_itself(monkeypatch):
    def broken(name, *args):
        raise ModuleNotFoundError("No module named 'safetensors'", name="safetensors")

    monkeypatch.setattr(importlib, "import_module", broken)
    with pytest.raises(ModuleNotFoundError, match="safetensors"):
        load_tokenizer("x")
