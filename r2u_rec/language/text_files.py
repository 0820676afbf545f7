"""Reading text files of known forms: tables of parts, folders of texts, e-mails, verses. One row is (group, text)."""

from __future__ import annotations

import email
import json
import re
import tarfile
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from r2u_rec.errors import DataError

Row = tuple[str, str]
TABLES = (".parquet", ".json", ".jsonl")
ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz")
_SHARD = re.compile(r"-\d{5}-of-\d{5}$")
_PAIRS = (("question", "answer"), ("prompt", "gt"), ("prompt", "answer"))


def table_rows(file: Path, part: str) -> Iterator[Row]:
    """Yields the rows of a Parquet, JSON or JSON Lines table.

    The group is the column "part" or "split" where there is one, else `part`. The text is the column "text", or a question and
    its answer (question and answer, prompt and answer, prompt and gt).

    Raises:
        DataError: the file is broken or has none of these columns.
    """
    for record in _records(file):
        group = str(record.get("part") or record.get("split") or part)
        if record.get("text") is not None:
            yield group, str(record["text"])
            continue
        pair = next((names for names in _PAIRS if all(record.get(name) is not None for name in names)), None)
        if pair is None:
            raise DataError(f"{file.name} has the columns {', '.join(record)}: it needs text, or question and answer, or prompt and gt")
        asked, answer = (str(record[name]) for name in pair)
        yield group, f"Question: {asked}\nAnswer: {answer}" if pair[0] == "question" else f"{asked} {answer}"


def part_name(file: Path, folder: Path) -> str:
    """Returns the part that a file's place says: raw/forget-00000-of-00001.parquet and raw_forget.json are both raw_forget."""
    where = file.relative_to(folder).with_suffix("")
    return _SHARD.sub("", "_".join(where.parts))


def verse_rows(file: Path) -> Iterator[Row]:
    """Yields the chapters of a file of verses (JSON Lines: book, chapter, text), the book as group; blank verses are left out."""
    chapters: dict[tuple[str, int], list[str]] = {}
    for verse in _records(file):
        try:
            book, chapter, text = str(verse["book"]), int(verse["chapter"]), str(verse["text"]).strip()
        except (KeyError, ValueError) as error:
            raise DataError(f"{file.name} has a verse without book, chapter or text ({error!r}): it needs all three") from error
        if text:
            chapters.setdefault((book, chapter), []).append(text)
    yield from ((book, "\n".join(verses)) for (book, _), verses in chapters.items())


def mail_rows(file: Path) -> Iterator[Row]:
    """Yields the e-mails of a Parquet table (date, subject, body; group: the month), or of an archive, as `mail_row` reads them."""
    if file.suffix == ".parquet":
        for mail in _records(file):
            yield str(mail["date"])[:7], f"Subject: {mail['subject'] or ''}\n\n{mail['body'] or ''}"
        return
    for where, content in members(file):
        if "spam" not in PurePosixPath(where).parts:
            yield mail_row(where, content)


def mail_row(where: str, content: bytes) -> Row:
    """Returns one message. Of the form of the Enron-Spam collection (a line of subject, then the text) the group is its folder; of
    RFC 822, as in CMU's collection, the owner of the mailbox (maildir/OWNER/...), and of the header only the subject is kept."""
    text, folders = decoded(content), PurePosixPath(where).parts[:-1]
    folder = folders[-1] if folders else "all"
    if text.lower().startswith("subject:"):
        subject, _, body = text.partition("\n")
        return folder, f"Subject: {subject[8:].strip()}\n\n{body.strip()}"
    message = email.message_from_string(text)
    content_of_mail = message.get_payload()
    owner = folders[folders.index("maildir") + 1] if "maildir" in folders[:-1] else folder
    return owner, f"Subject: {message.get('Subject', '')}\n\n{content_of_mail.strip() if isinstance(content_of_mail, str) else ''}"


def folder_rows(files: Iterable[tuple[str, bytes]]) -> Iterator[Row]:
    """Yields texts with the folder that each lies in as group, in the order of their names; UTF-8, or Windows-1252 where it is not."""
    for where, content in sorted(files):
        yield PurePosixPath(where).parent.name or "all", decoded(content)


def members(archive: Path, ending: str = "") -> Iterator[tuple[str, bytes]]:
    """Yields (name, content) of each file of a zip or tar archive whose name ends so; DataError for a broken archive."""
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as packed:
                for entry in packed.infolist():
                    if not entry.is_dir() and entry.filename.endswith(ending):
                        yield entry.filename, packed.read(entry)
            return
        with tarfile.open(archive) as tar:
            for found in tar:
                content = tar.extractfile(found) if found.isreg() and found.name.endswith(ending) else None
                if content is not None:
                    yield found.name, content.read()
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, OSError) as error:
        raise DataError(f"{archive.name} is no zip or tar file, or broken ({type(error).__name__}): fetch it again") from error


def decoded(content: bytes) -> str:
    """Returns the text of a file, with line feeds alone: UTF-8, or Windows-1252 (any byte) where it is not."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("cp1252", errors="replace")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _records(file: Path) -> Iterator[dict[str, Any]]:
    """Yields the rows of a table as dicts; a JSON file holds a list (of dicts or of texts), or one dict of lists, or one dict a line."""
    if file.suffix == ".parquet":
        import pyarrow as arrow
        import pyarrow.parquet as parquet

        try:
            table = parquet.read_table(file)
        except (OSError, arrow.ArrowException) as error:
            raise DataError(f"{file.name} is no Parquet table ({error}): fetch it again") from error
        for batch in table.to_batches(max_chunksize=4096):
            yield from batch.to_pylist()
        return
    text = decoded(file.read_bytes())
    try:
        whole = _json(text)
    except ValueError as error:
        raise DataError(f"{file.name} is neither JSON nor JSON Lines ({error}): one object a line, or one list of objects") from error
    for number, record in enumerate(whole):
        if not isinstance(record, dict | str):
            raise DataError(f"record {number} of {file.name} is a {type(record).__name__}: an object or a text is needed")
        yield {"text": record} if isinstance(record, str) else record


def _json(text: str) -> list[Any]:
    lines = [line for line in text.split("\n") if line.strip()]
    if text.lstrip().startswith("["):
        return list(json.loads(text))
    if len(lines) == 1 or lines[:1] == ["{"]:
        whole = json.loads(text)
        columns = isinstance(whole, dict) and whole and all(isinstance(values, list) for values in whole.values())
        return [dict(zip(whole, values, strict=True)) for values in zip(*whole.values(), strict=True)] if columns else [whole]
    return [json.loads(line) for line in lines]
