"""Image sets are read from small files in the formats that the cards name, and a file that lies is refused."""

from __future__ import annotations

import gzip
import pickle
import struct
from pathlib import Path

import numpy as np
import pytest

from r2u_rec.data import describe_dataset
from r2u_rec.data.catalogue.cards import Card, Source
from r2u_rec.errors import DataError, DownloadError, SettingsError
from r2u_rec.vision import from_arrays, load_images
from r2u_rec.vision.formats import idx_parts, npz_parts, pickle_parts, read_idx

IMAGES = np.random.default_rng(0).integers(0, 256, (12, 6, 6)).astype(np.uint8)
LABELS = (np.arange(12) % 3).astype(np.uint8)
NAMES = ["train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz", "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"]


def idx(array: np.ndarray) -> bytes:
    return b"\x00\x00\x08" + bytes([array.ndim]) + struct.pack(f">{array.ndim}i", *array.shape) + array.tobytes()


def write_idx(folder: Path) -> None:
    for name, array in zip(NAMES, (IMAGES[:10], LABELS[:10], IMAGES[10:], LABELS[10:]), strict=True):
        (folder / name).write_bytes(gzip.compress(idx(array)))


@pytest.fixture
def made(monkeypatch, tmp_path):
    """Lets a name stand for a card of its own, whose files lie in tmp_path."""

    def make(name: str, read: dict, counts: dict) -> None:
        card = Card(name, "", "", "", "", "", counts, kind="images", sources=(Source("folder", (), read, (".",)),))
        monkeypatch.setattr("r2u_rec.vision.load.describe_dataset", lambda _: card)
        monkeypatch.setattr("r2u_rec.data.catalogue.names.card", lambda _: card)
        monkeypatch.setenv("R2U_DATA", str(tmp_path))

    return make


def test_idx_files_are_read_packed_or_not(tmp_path):
    write_idx(tmp_path)
    assert np.array_equal(read_idx(tmp_path / NAMES[0]), IMAGES[:10])
    (tmp_path / "plain").write_bytes(idx(LABELS))
    assert np.array_equal(read_idx(tmp_path / "plain"), LABELS)


def test_the_last_training_images_become_the_validation_part_where_the_card_says_so(tmp_path):
    write_idx(tmp_path)
    parts = idx_parts(tmp_path, NAMES, last=4)
    assert [len(labels) for _, labels in parts] == [6, 4, 2]
    assert np.array_equal(parts[1][0], IMAGES[6:10])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\x00\x00\x0d\x01" + struct.pack(">i", 1) + b"abcd", "is no idx file of bytes: it begins with 00000d01, not with 000008"),
        (b"<html>", "is no idx file of bytes: it begins with 3c68746d"),
        (b"", "is no idx file of bytes"),
        (b"\x00\x00\x08\x03\x00\x00", "breaks off in its head of 16 bytes"),
        (idx(LABELS)[:-1], r"holds 11 values where its head says \(12,\): it is broken"),
        (gzip.compress(idx(LABELS), mtime=0)[:-9], r"cannot be read \(.*\): it is broken, fetch it anew"),
    ],
    ids=["another type", "a page", "nothing", "half a head", "values missing", "a packed file cut short"],
)
def test_a_broken_idx_file_says_what_is_wrong(tmp_path, content, said):
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(DataError, match=said):
        read_idx(tmp_path / "file")


@pytest.mark.parametrize("shape", [(20, 5, 5), (20, 5, 5, 3)], ids=["grey", "RGB"])
@pytest.mark.parametrize("named", [("{}_images", "{}_labels"), ("x_{}", "y_{}")])
def test_a_medmnist_file_is_read(tmp_path, shape, named):
    rng = np.random.default_rng(0)
    arrays = {}
    for part in ("train", "val", "test"):
        arrays[named[0].format(part)] = rng.integers(0, 256, shape).astype(np.uint8)
        arrays[named[1].format(part)] = rng.integers(0, 7, (20, 1)).astype(np.uint8)
    arrays[named[1].format("test")][0] = 6
    np.savez_compressed(tmp_path / "mine.npz", **arrays)
    parts = load_images("medmnist", tmp_path / "mine.npz")
    assert parts.train.n_classes == parts.validation.n_classes == parts.test.n_classes == 7
    assert parts.train.pixels.shape == (20, 3 if len(shape) == 4 else 1, 5, 5)
    pixels = arrays[named[0].format("val")]
    wanted = np.moveaxis(pixels, 3, 1) if len(shape) == 4 else pixels[:, None]
    assert np.array_equal(parts.validation.pixels, wanted)
    assert parts.validation.labels.tolist() == arrays[named[1].format("val")][:, 0].tolist()
    assert [part.ids[0] for part in (parts.train, parts.validation, parts.test)] == [0, 20, 40]


def test_a_medmnist_file_that_is_not_understood_says_why(tmp_path):
    path = tmp_path / "mine.npz"
    np.savez(path, train_images=IMAGES, train_labels=LABELS)
    with pytest.raises(DataError, match=r"mine\.npz has no test_images and test_labels: it holds train_images, train_labels"):
        npz_parts(path)
    np.savez(path, train_images=IMAGES, train_labels=np.zeros((12, 14), np.uint8), test_images=IMAGES, test_labels=LABELS)
    with pytest.raises(DataError, match=r"labels must be one whole number an image, got \(12, 14\) of uint8: several labels an image"):
        load_images("medmnist", path)
    np.savez(path, train_images=np.zeros((2, 4, 4, 4), np.uint8), train_labels=LABELS[:2], test_images=IMAGES, test_labels=LABELS)
    with pytest.raises(DataError, match=r"got \(2, 4, 4, 4\): volumes are not read"):
        load_images("medmnist", path)
    np.savez(path, train_images=np.array([object()]), train_labels=LABELS, test_images=IMAGES, test_labels=LABELS)
    with pytest.raises(DataError, match=r"mine\.npz is no npz file of plain arrays \(Object arrays cannot be loaded"):
        npz_parts(path)
    path.write_bytes(b"<html>")
    with pytest.raises(DataError, match=r"mine\.npz is no npz file of plain arrays"):
        npz_parts(path)
    for wrong in (None, tmp_path, tmp_path / "absent.npz"):
        with pytest.raises(SettingsError, match=r'the set "medmnist" needs the path of a \.npz file, got'):
            load_images("medmnist", wrong)


@pytest.mark.parametrize("protocol", [2, pickle.HIGHEST_PROTOCOL])
def test_the_old_pickle_gives_back_the_very_bytes(tmp_path, protocol):
    held = tuple(
        ((x.reshape(len(x), 36) / 256).astype(np.float32), y.astype(np.int64)) for x, y in [(IMAGES, LABELS), (IMAGES[:3], LABELS[:3])]
    )
    (tmp_path / "mnist.pkl.gz").write_bytes(gzip.compress(pickle.dumps(held, protocol)))
    (images, labels), (few, _) = pickle_parts(tmp_path / "mnist.pkl.gz", 256)
    assert np.array_equal(images, IMAGES)
    assert np.array_equal(labels, LABELS)
    assert np.array_equal(few, IMAGES[:3])
    with pytest.raises(DataError, match=r"holds values that are no bytes divided by 255: it is of another version"):
        pickle_parts(tmp_path / "mnist.pkl.gz", 255)
    (tmp_path / "odd.pkl").write_bytes(pickle.dumps([np.zeros(3)]))
    with pytest.raises(DataError, match=r"odd\.pkl holds no pairs of square images and labels"):
        pickle_parts(tmp_path / "odd.pkl", 256)


def test_a_set_is_loaded_by_name_and_a_tenth_is_split_off_where_it_has_no_validation_part(tmp_path, made):
    write_idx(tmp_path)
    made("toy", {"idx": NAMES}, {"train": 9, "validation": 1, "test": 2, "classes": 3})
    parts = load_images("toy")
    assert np.union1d(parts.train.ids, parts.validation.ids).tolist() == list(range(10))
    assert parts.test.ids.tolist() == [10, 11]
    assert np.array_equal(parts.train.pixels[:, 0], IMAGES[parts.train.ids])
    assert load_images("toy").validation.ids.tolist() == parts.validation.ids.tolist()
    assert len({load_images("toy", seed=seed).validation.ids[0] for seed in range(8)}) > 1


def test_a_set_that_is_not_what_its_card_counts_is_refused(tmp_path, made):
    write_idx(tmp_path)
    made("toy", {"idx": NAMES, "last": 4}, {"train": 60, "validation": 4, "test": 2, "classes": 3})
    with pytest.raises(
        DataError, match=r"toy in .* has 6 train where the card promises 60: the files are incomplete or of another version"
    ):
        load_images("toy")


def test_names_of_other_kinds_and_files_with_another_checksum_are_refused(tmp_path):
    with pytest.raises(SettingsError, match=r"ml-100k holds no images \(interactions\): r2u datasets lists"):
        load_images("ml-100k")
    with pytest.raises(SettingsError, match="did you mean 'mnist'"):
        load_images("mnits")
    (tmp_path / "mnist.pkl.gz").write_bytes(b"")
    with pytest.raises(DownloadError, match=r"mnist\.pkl\.gz has sha256 .*, the card promises f11bb9e4"):
        load_images("mnist", tmp_path)


def test_ones_own_arrays_may_stand_in_any_usual_form():
    forms = [IMAGES, IMAGES[..., None], IMAGES[:, None], IMAGES.astype(np.float32) / 255]
    for images in forms:
        parts = from_arrays((images, LABELS), (images, LABELS[:, None]), (images, LABELS), n_classes=5)
        assert np.array_equal(parts.train.pixels[:, 0], IMAGES)
        assert parts.test.n_classes == 5
    split = from_arrays((IMAGES, LABELS), (IMAGES, LABELS), validation_share=0.25)
    assert (len(split.train), len(split.validation), len(split.test), split.train.n_classes) == (9, 3, 12, 3)


@pytest.mark.parametrize(
    ("images", "labels", "said"),
    [
        (IMAGES.astype(np.float32), LABELS, r"images of floats must lie in \[0, 1\], got 0 to 255: divide them"),
        (IMAGES.astype(np.int64), LABELS, r"images must be bytes, or floats in \[0, 1\], got int64"),
        (IMAGES, LABELS / 2, r"labels must be one whole number an image, got \(12,\) of float64"),
        (IMAGES, LABELS[:5], r"labels must be \(12,\) of int64, got \(5,\)"),
        (IMAGES[0], LABELS, r"images must be \(n, height, width\) .* got \(6, 6\)"),
    ],
)
def test_arrays_that_are_no_images_are_refused(images, labels, said):
    with pytest.raises(DataError, match=said):
        from_arrays((images, labels), (IMAGES, LABELS))
    with pytest.raises(SettingsError, match=r"validation_share must lie in \(0, 1\), got 1"):
        from_arrays((IMAGES, LABELS), (IMAGES, LABELS), validation_share=1)


def test_pneumoniamnist_is_read_as_its_card_counts(real_data):
    if not (real_data / "images" / "pneumoniamnist.npz").is_file():
        pytest.skip("R2U_DATA holds no images/pneumoniamnist.npz")
    parts = load_images("pneumoniamnist")
    assert len(parts.train) == describe_dataset("pneumoniamnist").counts["train"]
    assert parts.train.pixels.shape[1:] == (1, 28, 28)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mnist", "fashion-mnist"])
def test_the_sets_that_registries_give_are_loaded(name):
    try:
        parts = load_images(name)
    except DownloadError as error:
        pytest.skip(f"no registry can be reached: {error}")
    assert parts.train.pixels.shape[1:] == (1, 28, 28)
    assert sorted(set(parts.test.labels.tolist())) == list(range(10))
