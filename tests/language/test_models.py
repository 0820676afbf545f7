"""Language models: drawn from their seed alone, without chance in a pass, loaded as they were saved, adapted by adapters alone."""

from __future__ import annotations

import pytest
import torch
from language_toys import BUILDERS, N_TOKENS, batch_of, state_bytes, task_of

from r2u_rec.core.prepare.preparation import Preparation
from r2u_rec.core.prepare.ready2unlearn import Ready2Unlearn
from r2u_rec.core.protocols import Split
from r2u_rec.core.training import Training, fit_
from r2u_rec.data import describe_dataset, fetch
from r2u_rec.errors import DownloadError, SettingsError
from r2u_rec.language.documents import decode, encode_documents
from r2u_rec.language.models import from_state, pretrained, tiny_gpt2, tiny_llama, with_lora
from r2u_rec.language.task import TextTask
from r2u_rec.language.tokenizer import load_tokenizer, padding
from r2u_rec.unlearn.gradient_ascent import GradientAscent

kinds = pytest.mark.parametrize("kind", BUILDERS)


@kinds
def test_a_model_is_drawn_from_its_seed_alone(kind, documents):
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    first = state_bytes(BUILDERS[kind](documents, 3))
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.rand(7)
    assert state_bytes(BUILDERS[kind](documents, 3)) == first
    assert state_bytes(BUILDERS[kind](documents, 4)) != first


@kinds
def test_a_model_is_in_float32_and_its_losses_are_the_same_in_training_and_in_eval_mode(kind, documents):
    task = task_of(BUILDERS[kind])
    model = task.model(documents, seed=0)
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    batch = batch_of(task, documents)
    assert torch.equal(task.losses(model.train(), batch), task.losses(model.eval(), batch))


@pytest.mark.parametrize("tiny", [tiny_gpt2, tiny_llama])
def test_dropout_and_untied_tables_are_to_be_had(tiny, documents):
    model = tiny(N_TOKENS, 16, width=16, layers=1, heads=2, tied=False, dropout=0.5)(documents, 0)
    assert model.get_input_embeddings().weight is not model.get_output_embeddings().weight
    task = task_of()
    batch = batch_of(task, documents)
    assert not torch.equal(task.losses(model.train(), batch), task.losses(model.eval(), batch))
    tied = tiny(N_TOKENS, 16, width=16, layers=1, heads=2)(documents, 0)
    assert tied.get_input_embeddings().weight is tied.get_output_embeddings().weight


def test_the_default_gpt2_has_about_a_million_parameters(documents):
    assert sum(p.numel() for p in tiny_gpt2(2048, 64)(documents, 0).parameters()) == 1_063_680


def test_shapes_that_cannot_be_are_refused():
    with pytest.raises(SettingsError, match="width must be a multiple of heads, got 30 and 4"):
        tiny_gpt2(N_TOKENS, 16, width=30)
    with pytest.raises(SettingsError, match=r"dropout must lie in \[0, 1\), got 1.0"):
        tiny_llama(N_TOKENS, 16, dropout=1.0)
    with pytest.raises(SettingsError, match="the rank r of the adapters must be >= 1, got 0"):
        with_lora(BUILDERS["gpt2"], r=0)


@kinds
def test_a_saved_model_is_loaded_from_its_folder_in_float32_and_without_dropout(kind, documents, tmp_path):
    saved = {"gpt2": tiny_gpt2, "llama": tiny_llama}[kind](N_TOKENS, 16, width=16, layers=2, heads=2, dropout=0.3)(documents, 0)
    saved.to(torch.bfloat16).save_pretrained(tmp_path)
    task = task_of(pretrained(tmp_path))
    model = task.model(documents, seed=9)
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    batch = batch_of(task, documents)
    expected = task.losses(saved.float().eval(), batch)
    torch.testing.assert_close(task.losses(model.eval(), batch), expected, atol=1e-6, rtol=0)
    torch.testing.assert_close(task.losses(model.train(), batch), expected, atol=1e-6, rtol=0)
    assert state_bytes(task.model(documents, seed=1)) == state_bytes(model)


def test_a_place_without_a_model_is_named(documents, tmp_path):
    with pytest.raises(
        DownloadError, match=r"no causal model at .*nothing .*: give a folder that holds one, or a name that can be fetched"
    ):
        pretrained(tmp_path / "nothing")(documents, 0)


def is_adapter(name: str) -> bool:
    return "lora_" in name


@kinds
def test_lora_trains_prepares_and_unlearns_the_adapters_alone(kind, documents):
    task = task_of(with_lora(BUILDERS[kind], r=2))
    model = task.model(documents, seed=0)
    assert {is_adapter(name) for name, p in model.named_parameters() if p.requires_grad} == {True}
    base, adapters = state_bytes(model, lambda n: not is_adapter(n)), state_bytes(model, is_adapter)
    assert state_bytes(BUILDERS[kind](documents, 0)) == base  # and the model below is the one of the same seed
    split = Split(documents.ids[:16], documents.ids[16:], documents.ids[:0])
    step = Ready2Unlearn(split, Preparation(1e-3, geometry="sign", delta=True, bound="chance", n_forget=4, n_retain=4))
    fit_(model, task, documents, training=Training(epochs=1, batch_size=24, lr=0.01), seed=0, step=step)
    trained = state_bytes(model, is_adapter)
    assert trained != adapters
    GradientAscent(steps=2, lr=0.01, optimizer="adam").edit_(task, model, documents.keep(split.forget), None, seed=0)
    assert state_bytes(model, is_adapter) != trained
    assert state_bytes(model, lambda n: not is_adapter(n)) == base


def test_lora_begins_as_the_model_it_adapts_and_is_drawn_from_its_seed(documents):
    task, build = task_of(), with_lora(BUILDERS["gpt2"], r=2)
    batch = batch_of(task, documents)
    torch.testing.assert_close(task.losses(build(documents, 0), batch), task.losses(BUILDERS["gpt2"](documents, 0), batch))
    assert state_bytes(build(documents, 0)) == state_bytes(build(documents, 0))
    named = with_lora(BUILDERS["gpt2"], r=2, targets=["c_fc"])(documents, 0)
    assert all("c_fc" in name for name, p in named.named_parameters() if p.requires_grad)
    with pytest.raises(SettingsError, match=r"targets=\['no_such'\] cannot be adapted .*: name linear layers of the model"):
        with_lora(BUILDERS["gpt2"], targets=["no_such"])(documents, 0)


def test_copies_of_a_trained_model_are_independent_of_it_and_of_each_other(documents):
    task = task_of()
    start = task.model(documents, seed=0)
    fit_(start, task, documents, training=Training(epochs=1, batch_size=24, lr=0.01), seed=0)
    trained = state_bytes(start)
    again = task_of(from_state(start))
    copy = again.model(documents, seed=1)
    fit_(copy, again, documents, training=Training(epochs=1, batch_size=24, lr=0.01), seed=0)
    assert state_bytes(start) == trained != state_bytes(copy)
    fit_(start, task, documents, training=Training(epochs=1, batch_size=24, lr=0.01), seed=2)
    assert state_bytes(again.model(documents, seed=7)) == trained
    assert all(p.grad is None for p in again.model(documents, seed=7).parameters())


@pytest.mark.slow  # 93 MB, and eight seconds to unpack the weights
def test_a_gguf_file_gives_its_model_and_tokenizer():
    try:
        folder = fetch("smollm2-135m")
    except DownloadError as error:
        pytest.skip(f"SmolLM2 cannot be had here: {error}")
    file = "SmolLM2-135M-Instruct.Q4_1.gguf"
    tokenizer = load_tokenizer(folder, file)
    sentence = "The capital of France is Paris, and the capital of Italy is Rome."
    documents = encode_documents([sentence], tokenizer, 32)
    assert decode(documents, tokenizer) == [sentence]
    task = TextTask(pretrained(folder, file), padding(tokenizer), len(tokenizer))
    model = task.model(documents, seed=0).eval()
    assert sum(p.numel() for p in model.parameters()) == describe_dataset("smollm2-135m").counts["parameters"]
    assert float(task.losses(model, batch_of(task, documents)).detach()) < 4.0 < task.chance(documents)
