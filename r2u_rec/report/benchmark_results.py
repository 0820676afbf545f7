"""One form for every benchmark's file: benchmarks/r2u_bench/results/NAME.json, committed, and the source of the README's tables."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from r2u_rec.report.evidence import spread
from r2u_rec.report.provenance import machine_kind, versions
from r2u_rec.report.results import Row, plain
from r2u_rec.report.table import Table, tabulate

SCHEMA_VERSION = 1


def write_benchmark(
    folder: Path,
    name: str,
    *,
    question: str,
    command: str,
    settings: Mapping[str, Any],
    seeds: Sequence[int],
    figures: Sequence[Row],
    by: Sequence[str],
    columns: Sequence[str],
    split_hashes: Mapping[str, str] | None = None,
    notes: Sequence[str] = (),
    beside: Mapping[str, Any] | None = None,
    summarised: bool = True,
    figures_of: Mapping[str, Any] | None = None,
) -> Path:
    """Writes `folder`/`name`.json and returns its path; versions and the kind of machine are added.

    Args:
        folder: benchmarks/r2u_bench/results of the checkout.
        name: of the benchmark; also names its table in the README.
        question: what the table answers, in a sentence.
        command: what makes the file, run from the checkout.
        settings: all settings, as they were used.
        seeds: those reported; never those on which settings were chosen.
        figures: flat rows, one a measurement: every seed's figures.
        by: naming columns of the table; rows that agree in them are one line.
        columns: figures of the table, as in `tabulate`.
        split_hashes: name of a part -> hash of its ids.
        notes: what a reader must know: what was not reached, what was tried.
        beside: anything else that the file keeps, under keys of its own.
        summarised: keep the table's lines beside the figures, so that a figure that is changed by hand is found; without, they are worked
            out on reading, for large files.
        figures_of: where the figures stand already, as `viewed` takes it, with the "file" of the same folder, by its name: the figures are
            then read from there.

    Raises:
        ValueError: no figures, or a column that no row has.
        EvidenceError: a figure about forgetting without its retrained references.
        TypeError: a setting that JSON cannot hold.
    """
    rows = plain(figures, "figures")
    table = tabulate(rows, by=by, columns=columns)
    content = {
        "schema_version": SCHEMA_VERSION,
        "name": name,
        "question": question,
        "command": command,
        "settings": plain(settings, "settings"),
        "versions": versions(),
        "machine": machine_kind(),
        "seeds": plain(seeds, "seeds"),
        "split_hashes": dict(split_hashes or {}),
        "notes": list(notes),
        "table": {"by": list(by), "columns": list(columns)},
        **({"summary": _summary(table)} if summarised else {}),
        **({"figures": rows} if figures_of is None else {"figures_of": plain(dict(figures_of), "figures_of")}),
    } | plain(dict(beside or {}), "beside")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.json"
    unfinished = path.with_name(path.name + ".part")
    unfinished.write_text(json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")
    return unfinished.replace(path)


def read_benchmark(path: Path) -> dict[str, Any]:
    """Returns what `write_benchmark` wrote, with the summary of its figures.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it has another schema version, or its summary does not follow from its figures.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path.name} is not among the results in {path.parent.name}: run the benchmark that makes it")
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if content.get("schema_version") != SCHEMA_VERSION:
        raise ValueError(
            f"{path.name} has schema version {content.get('schema_version')}, this program reads {SCHEMA_VERSION}: run it again"
        )
    if "figures_of" in content:
        view = content["figures_of"]
        content["figures"] = viewed(read_benchmark(path.with_name(f"{view['file']}.json"))["figures"], view)
    by = content["table"]["by"]
    if "summary" not in content:
        return content | {"summary": _summary(tabulate(content["figures"], by=by, columns=content["table"]["columns"]))}
    for line in content["summary"]:
        mine = [row for row in content["figures"] if all(row.get(key) == line.get(key) for key in by)]
        for key, found in line.items():
            if isinstance(found, dict) and any(key in row for row in mine):
                again = spread(row.get(key) for row in mine)
                if again is None or abs(again.mean - found["mean"]) > 1e-9 * max(1.0, abs(again.mean)) or again.n != found["n"]:
                    raise ValueError(
                        f"{path.name}: the summary's {key} of {[line.get(k) for k in by]} does not follow from its figures: run it again"
                    )
    return content


def viewed(rows: Sequence[Mapping[str, Any]], view: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Returns some of the rows, with some of their keys, for a table of its own.

    Args:
        view: "where": key -> the values of the rows that are kept; "keys": those kept of a row, where it has a value; "renamed": key ->
            {the row's system: another value}; "digits": significant digits of figures.
    """
    out = []
    for row in rows:
        if all(row.get(key) in values for key, values in view["where"].items()):
            kept = {key: row[key] for key in view["keys"] if row.get(key) is not None}
            renamed = {key: names[row["system"]] for key, names in view["renamed"].items() if row["system"] in names}
            out.append({k: float(f"{v:.{view['digits']}g}") if isinstance(v, float) else v for k, v in (kept | renamed).items()})
    return out


def _summary(table: Table) -> list[dict[str, Any]]:
    return [
        {**line.names, "n": line.n} | {key: asdict(found) if found else None for key, found in line.figures.items()} for line in table.lines
    ]
