"""A model of recbole as a task: its own losses, on our records and negatives; scores, strangers, rows and seeds."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from recbole_toys import EVERYBODY, LOG, SMALL, TRAINER, small, trained, untouched
from scipy import sparse

from r2u_rec.core.prepare.preparation import Preparation
from r2u_rec.core.prepare.ready2unlearn import Ready2Unlearn
from r2u_rec.core.protocols import Concatenates, HasChanceLoss, Split
from r2u_rec.core.strategies import phased, reweighted
from r2u_rec.core.trainer import GradientTrainer
from r2u_rec.core.training import Training
from r2u_rec.errors import CapabilityError, SettingsError
from r2u_rec.recsys.recbole.config import config_of
from r2u_rec.recsys.recbole.feed import interaction_of
from r2u_rec.recsys.recbole.library import contained
from r2u_rec.recsys.recbole.records import dataset_class
from r2u_rec.recsys.recbole.repairs import Adjacency, model_class
from r2u_rec.recsys.recbole.task import RecBolePairs, recbole_task
from r2u_rec.recsys.sharded.sharding import ByUser, served
from r2u_rec.rng import stream
from r2u_rec.storage import load_model, save_model
from r2u_rec.unlearn.curvature.block_newton import BlockNewton
from r2u_rec.unlearn.gradient_ascent import GradientAscent
from r2u_rec.unlearn.post_hoc import PostHoc
from r2u_rec.unlearn.sharded import Sharded

EACH = ("BPR", "LightGCN", "NeuMF", "FISM", "GCMC", "DMF", "DGCF", "NGCF", "NAIS", "NNCF", "SpectralCF")
BATCH = ("SGL", "MultiDAE", "MultiVAE", "ENMF", "ConvNCF", "LINE", "SimpleX", "CDAE", "DiffRec", "MacridVAE", "RaCT")
QUICK = ("BPR", "LightGCN", "NeuMF", "SGL", "MultiDAE")
IDS = LOG.ids[[5, 90, 31, 7]]


def slow_but(names):
    return [n if n in QUICK else pytest.param(n, marks=pytest.mark.slow) for n in names]


@pytest.mark.parametrize("name", slow_but([*EACH, *BATCH]))
def test_a_model_comes_back_from_a_folder_with_its_scores(name, tmp_path):
    task = small(name)
    model = task.model(LOG, seed=3).eval()
    save_model(model, tmp_path / "model")
    back = load_model(tmp_path / "model", task, LOG)
    assert type(back.model).__name__ == name
    np.testing.assert_array_equal(back.scores([0, 3]), model.scores([0, 3]))


@pytest.mark.parametrize("name", slow_but([*EACH, *BATCH]))
@pytest.mark.parametrize("n_negatives", [1, 3])
def test_the_mean_of_the_losses_is_what_the_untouched_library_says_of_the_batch(name, n_negatives):
    task = small(name, n_negatives=n_negatives)
    model = task.model(LOG, seed=0)
    model.eval()
    original = untouched(name, LOG, n_negatives)
    original.load_state_dict(model.model.state_dict())
    original.train().eval()  # the views of SGL are there
    if name == "SGL":
        original.sub_graph1, original.sub_graph2 = model.model.sub_graph1, model.model.sub_graph2
    if name == "DGCF":
        original.cor_batch_size = model.model.cor_batch_size
    if name == "NNCF":
        original.u_neigh, original.i_neigh = model.model.u_neigh, model.model.i_neigh
    batch = task.batch(LOG, IDS, rng=stream(0, "batch"))
    with contained(int(batch.seed)):
        wanted = original.calculate_loss(interaction_of(model.traits.feed, batch.users + 1, batch.items + 1, batch.negatives + 1))
    losses = task.losses(model, batch)
    assert losses.shape == ((4,) if name in EACH else (1,))
    torch.testing.assert_close(losses.mean(), wanted.reshape(-1).mean(), rtol=1e-5, atol=1e-6)
    assert losses.requires_grad


def test_each_loss_is_that_of_its_own_record_and_its_own_negatives():
    for name in ("BPR", "NeuMF"):
        task = small(name, n_negatives=2)
        model = task.model(LOG, seed=0).eval()
        batch = task.batch(LOG, IDS, rng=stream(0, "batch"))
        together = task.losses(model, batch)
        alone = [
            task.losses(model, batch._replace(users=batch.users[[i]], items=batch.items[[i]], negatives=batch.negatives[[i]]))
            for i in range(4)
        ]
        torch.testing.assert_close(together, torch.cat(alone))
        assert len(set(together.tolist())) == 4


def test_negatives_are_ours_and_users_without_records_have_their_index():
    task = small("BPR", n_negatives=5)
    left = LOG.drop(LOG.ids_of_users([23]))
    batch = task.batch(left, left.ids, rng=stream(0, "batch"))
    pairs = set(zip(left.user.tolist(), left.item.tolist(), strict=True))
    assert not pairs & {(u, i) for u, row in zip(batch.users.tolist(), batch.negatives.tolist(), strict=True) for i in row}
    assert task.model(left, seed=0).model.user_embedding.weight.shape == (25, 4)
    dataset = dataset_class()(config_of(model_class("BPR"), {}, n_negatives=1), left)
    assert (dataset.user_num, dataset.item_num, dataset.inter_num) == (25, 17, len(left))
    assert dataset.inter_matrix(form="csr").toarray()[1:, 1:].tolist() == left.matrix().toarray().tolist()
    popular = small("BPR", negatives="popularity").batch(LOG, IDS, rng=stream(0, "batch"))
    assert (LOG.item_counts[popular.negatives.numpy()] > 0).all()


def test_the_adjacency_matrices_are_those_of_the_papers():
    graph = Adjacency()
    half = (np.random.default_rng(0).random((5, 4)) < 0.4).astype(float)
    graph.interaction_matrix, graph.n_users, graph.n_items = sparse.coo_matrix(half), 5, 4
    a = np.block([[np.zeros((5, 5)), half], [half.T, np.zeros((4, 4))]])
    degree = a.sum(axis=1)
    root = np.divide(1, np.sqrt(degree), where=degree > 0, out=np.zeros(9))
    np.testing.assert_allclose(graph.get_norm_adj_mat().to_dense(), root[:, None] * a * root, atol=1e-6)
    inverse = np.divide(1, degree, where=degree > 0, out=np.zeros(9))
    np.testing.assert_allclose(graph.get_laplacian_matrix().to_dense(), np.eye(9) - inverse[:, None] * a, atol=1e-6)


@pytest.mark.parametrize("name", slow_but(SMALL))
def test_the_same_seed_gives_the_same_bytes_whatever_was_drawn_before(name):
    found = []
    for disturb in (1, 2):
        torch.manual_seed(disturb)
        np.random.seed(disturb)  # noqa: NPY002
        model = trained(name)
        found.append([p.detach().numpy().tobytes() for p in model.parameters()] + [model.scores(EVERYBODY).tobytes()])
    assert found[0] == found[1]
    assert found[0] != [p.detach().numpy().tobytes() for p in trained(name, seed=1).parameters()] + found[0][-1:]


def test_scores_are_the_librarys_own_ranking_and_items_are_asked_one_by_one_where_it_has_none():
    model = trained("LightGCN")
    users, items = model.tables()
    np.testing.assert_allclose(model.scores(EVERYBODY), (users @ items.T).detach().numpy(), atol=1e-6)
    model = trained("NeuMF")
    pair = interaction_of("pairs", torch.tensor([4]), torch.tensor([8]), torch.tensor([[1]]))
    with torch.no_grad():
        wanted = float(model.model.predict(pair))
    assert model.scores(np.array([3]))[0, 7] == pytest.approx(wanted, abs=1e-6)
    assert model.scores(np.array([3, 3, 1])).shape == (3, 16)


def test_an_autoencoder_answers_a_stranger_by_the_history_and_a_model_without_encoder_or_tables_refuses():
    model = trained("MultiDAE")
    histories = LOG.matrix()
    np.testing.assert_allclose(model.fold_in(histories), model.scores(EVERYBODY), atol=1e-6)
    nobody = sparse.csr_array(np.zeros((2, 16), dtype=np.float32))
    assert not model.fold_in(nobody).any()
    assert not trained("NeuMF").fold_in(nobody).any()
    with pytest.raises(CapabilityError, match=r"NeuMF cannot answer people it never saw.*served\('own'\)"):
        trained("NeuMF").fold_in(histories[:1])


def test_an_autoencoder_learns_from_the_histories_of_the_records_at_hand():
    task = small("MultiDAE")
    model = task.model(LOG, seed=0).eval()
    request = LOG.keep(LOG.ids[[0, 1, 31]])
    batch = task.batch(request, request.ids, rng=stream(0, "batch"))
    assert batch.ratings.sum() == 3
    wanted = -(torch.log_softmax(model.model(torch.nn.functional.pad(batch.ratings, (1, 0))), 1)[:, 1:] * batch.ratings).sum(1).mean()
    torch.testing.assert_close(task.losses(model, batch)[0], wanted)


@pytest.mark.parametrize("name", ["BPR", "LightGCN"])
def test_row_interactions_are_the_derivatives_of_the_losses(name):
    task = small(name)
    model = TRAINER.train(task, LOG, seed=0)
    found = task.row_interactions(model, LOG, IDS, n_draws=1, rng=stream(7, "contacts"))
    assert [c.table for c in found] == (
        ["model.item_embedding.weight", "model.user_embedding.weight"] if name == "BPR" else ["item_correction"]
    )
    batch = task.batch(LOG, IDS, rng=stream(0, "any"))
    rows = found[0].rows - (1 if name == "BPR" else 0)
    batch = batch._replace(items=rows[:, 0], negatives=rows[:, 1:])
    if name == "BPR":
        task.losses(model, batch).sum().backward()
        for c in found:
            wanted = dict(model.named_parameters())[c.table].grad
            features = c.features.expand(-1, c.rows.shape[1], -1)
            gradient = torch.zeros_like(wanted).index_add_(0, c.rows.flatten(), (c.slopes.unsqueeze(2) * features).flatten(0, 1).float())
            torch.testing.assert_close(gradient, wanted, rtol=1e-4, atol=1e-6)
        return
    p, q = model.lookup(batch.users, rows)
    q = q.clone().requires_grad_(True)
    scores = (p.unsqueeze(1) * q).sum(-1)
    torch.nn.functional.softplus(scores[:, 1] - scores[:, 0]).sum().backward()
    torch.testing.assert_close(found[0].slopes.unsqueeze(2) * found[0].features, q.grad, rtol=1e-4, atol=1e-6)


def test_a_correction_of_the_propagated_item_table_moves_the_scores_of_its_item_alone():
    model = trained("LightGCN")
    before = model.scores(EVERYBODY)
    with torch.no_grad():
        model.item_correction[3] = 1.0
    after = model.scores(EVERYBODY)
    assert np.flatnonzero(np.abs(after - before).max(axis=0) > 1e-6).tolist() == [3]
    np.testing.assert_allclose(after[:, 3] - before[:, 3], model.tables()[0].detach().numpy().sum(axis=1), atol=1e-5)


def test_what_a_model_cannot_give_is_refused_before_training_or_at_the_first_step():
    assert isinstance(small("BPR"), RecBolePairs)
    assert not isinstance(small("NeuMF"), Concatenates | HasChanceLoss)
    with pytest.raises(CapabilityError, match="block Newton needs a task with row_interactions"):
        PostHoc(TRAINER, BlockNewton()).fit(small("NeuMF"), LOG, seed=0)
    forget = LOG.ids[:40]
    for step, words in ((reweighted(forget, 0.5), "re-weighting"), (phased(forget, 0.1), "phased training")):
        with pytest.raises(SettingsError, match=f"{words} needs one loss a record, got 1 losses"):
            dataclasses.replace(TRAINER, strategy=lambda records, step=step: step).train(small("SGL"), LOG, seed=0)
    ascent = PostHoc(TRAINER, GradientAscent(steps=1, lr=0.1, reduction="sum"))
    with pytest.raises(CapabilityError, match="reduction='sum' needs one loss a record, RecBoleTask gives 1 for 3 records: use 'mean'"):
        ascent.forget(small("SGL"), ascent.fit(small("SGL"), LOG, seed=0), LOG.ids[:3], seed=0)


@pytest.mark.parametrize("name", ["LightGCN", "SGL"])
def test_a_model_is_prepared_by_ready2unlearn_and_that_changes_what_it_learns(name):
    forget = LOG.ids_of_users(np.arange(6))
    retain = np.setdiff1d(LOG.ids, forget)
    preparation = Preparation(0.01, lambda1=1, bound="cap", bound_level=1.0, displace=("*item*",), n_forget=8)
    prepared = GradientTrainer(TRAINER.training, lambda records: Ready2Unlearn(Split(forget, retain, retain), preparation), progress=False)
    model = prepared.train(small(name), LOG, seed=0)
    assert np.isfinite(model.scores(EVERYBODY)).all()
    assert not np.allclose(model.scores(EVERYBODY), trained(name).scores(EVERYBODY))


def test_training_goes_on_from_what_remains_after_an_erasure():
    task, trainer = small("LightGCN"), GradientTrainer(Training(epochs=2, batch_size=72, lr=0.05), progress=False)
    model, left = trainer.train(task, LOG, seed=0), LOG.drop(LOG.ids_of_users([5]))
    task.attach(model, left)
    before = model.scores(EVERYBODY)
    trainer.train_on_(task, left, model, seed=1, epochs=1)
    task.attach(model, left)
    assert not model.scores(np.array([5])).any()
    assert not np.allclose(model.scores(EVERYBODY), before)


def test_shards_of_a_model_that_cannot_answer_strangers_serve_their_own_people():
    method = Sharded(TRAINER, ByUser(), served("own"), shards=2)
    task = small("NeuMF")
    after = method.forget(task, method.fit(task, LOG, seed=0), LOG.ids_of_users([5]), seed=0)
    assert not after.model.scores(np.array([5])).any()
    assert after.model.scores(np.array([4])).any()


def test_settings_of_a_model_reach_it():
    assert recbole_task("LightGCN", embedding_size=8, n_layers=1).model(LOG, seed=0).model.n_layers == 1
    assert recbole_task("LightGCN").model(LOG, seed=0).model.reg_weight == 1e-5
    assert recbole_task("BPR").model(LOG, seed=0).model.embedding_size == 64
