"""The page of a simulation shows every policy, says what to take and what speaks against it, and loads nothing."""

from __future__ import annotations

import re
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from report_toys import POLICIES, make_simulation

from r2u_rec.errors import EvidenceError
from r2u_rec.report.kit.theme import DARK
from r2u_rec.report.simulation.advice import advise
from r2u_rec.report.simulation.page import render_simulation_page, write_simulation_page
from r2u_rec.report.simulation.table import choose_table
from r2u_rec.report.simulation.tradeoff import hours_to_erase, tradeoff
from r2u_rec.report.simulation.words import NOTES, describe, modelled_against_measured, without_evidence

EVIL = "<script>alert(1)</script>-->&\"'$x$"


class Reader(HTMLParser):
    """Collects tags and text, and checks that tags are closed in order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(page)
        assert self._open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in {"meta", "br"}:
            self._open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        self.text += data.replace("\u00a0", " ")


@pytest.fixture(scope="module")
def sim():
    return make_simulation(notes=("A note of this very simulation.",))


@pytest.fixture(scope="module")
def page(sim, tmp_path_factory):
    folder = tmp_path_factory.mktemp("simulation")
    path = write_simulation_page(sim, folder / "simulation.html")
    assert [p.name for p in folder.iterdir()] == ["simulation.html"]
    return path.read_text(encoding="utf-8")


def test_the_page_loads_nothing(page):
    for tag, attributes in Reader(page).tags:
        assert tag not in {"script", "link", "iframe", "object", "embed", "img"}
        for name in ("src", "href", "xlink:href", "data", "action", "srcset"):
            assert (attributes.get(name) or "#").startswith("#"), (tag, name, attributes[name])
    assert not re.search(r"@import|url\((?!#)", page)
    addresses = set(re.findall(r"https?://[^\s\"'<>)]+", page))
    assert addresses <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}  # names of formats, which nothing fetches


def test_the_page_shows_every_policy_with_all_its_figures(sim, page):
    cells = dict(re.findall(r"<tr[^>]*><td class=\"name\"[^>]*><strong>(.*?)</strong>(.*?)</tr>", page.replace("\u00a0", " ")))
    assert list(cells) == ["weekly batches", *(name for name in POLICIES if name != "weekly batches")]  # the recommended one first
    table = choose_table(sim)
    for line in table.lines:
        for name, text in zip(table.columns, table.cells(line)[1:-1], strict=True):
            assert name == "snapshot_baseline" or f"{text}<" in cells[line.names["policy"]], (line.names, name)
    for name in POLICIES:
        assert re.search(rf"<h3>.*</span> {name}</h3>", page)


def test_the_page_says_what_to_take_what_speaks_against_it_and_why_not_the_others(sim, page):
    text, advice = Reader(page).text, advise(sim)
    assert advice.policy == "weekly batches"
    assert advice.sentence.replace("\u00a0", " ") in text
    assert all(sentence.replace("\u00a0", " ") in text for sentence in advice.against)
    for faults in advice.refused.values():
        assert f"Not recommended: {'; '.join(faults)}.".replace("\u00a0", " ") in text
    assert re.search(r"weekly batches</strong><br><span class=\"badge\">recommended", page)
    assert re.search(r"never</strong><br><span class=\"badge\">never erases", page)
    assert re.search(r"retrain</strong><br><span class=\"badge\">always retrains", page)


def test_the_page_says_how_to_repeat_and_what_to_know(page):
    text = Reader(page).text
    for part in (
        "2026-06-01-erasures", "seventy more after a breach", "2025-01-01 to 2026-01-01", "344 requests (mean over seeds)",
        "n = 2 seeds (1, 2)", "r2u simulate --repeat", '"embedding_dim": 64', "a processor", "A note of this very simulation.",
        "Modelled against measured seconds", "costs are relative to “retrain”", *NOTES,
    ):  # fmt: skip
        assert part in text


def test_the_page_never_claims_that_anything_is_removed(page):
    assert not re.search(r"\bremov|\bgone\b|guarante|completely forgot|no trace", Reader(page).text.lower())


def test_the_page_has_three_figures_each_with_a_description_and_unique_ids(page):
    tags = Reader(page).tags
    described = [a["aria-label"] for tag, a in tags if tag == "figure"]
    assert [text.split(":")[0] for text in described] == ["Timeline", "What is left against what is kept", "Hours to erase"]
    assert all("by deadline" in text for text in described)
    assert sum(tag == "svg" for tag, _ in tags) == 3
    ids = [a["id"] for _, a in tags if "id" in a]
    assert len(ids) == len(set(ids))
    wanted = set(re.findall(r'xlink:href="#([^"]+)"|url\(#([^)]+)\)', page))
    assert {a or b for a, b in wanted} <= set(ids)


def test_every_colour_follows_the_theme(page):
    drawings = "".join(re.findall(r"<svg.*?</svg>", page, flags=re.DOTALL))
    assert set(re.findall(r"#[0-9a-f]{6}\b", re.sub(r"var\(--\w+, #\w{6}\)", "", drawings))) == set()
    assert set(re.findall(r"border-color: ([^\"]+)", page.split("</style>")[1])) <= {f"var({variable})" for variable in DARK}


def test_the_same_simulation_gives_the_same_bytes(sim, page):
    assert hours_to_erase(sim) in page
    assert tradeoff(sim) in page


def test_a_bare_simulation_of_long_and_hostile_names_has_a_page_in_which_letters_stand_for_them():
    def renamed(frames):
        for frame in frames.values():
            frame["policy"] = frame["policy"].map(names)
        frames["batches"]["operator"] = EVIL
        frames["checkpoints"] = frames["checkpoints"].drop(
            columns=["auc", "adaptive_auc", "ndcg", "ndcg_share", "overlap", "overlap_floor"]
        )
        frames["checkpoints"]["evidence"] = EVIL
        frames["batches"] = frames["batches"].drop(columns=["snapshot_auc"])

    names = {name: EVIL + name for name in POLICIES}
    policies = {names[name]: {**fields, EVIL: EVIL} for name, fields in POLICIES.items()}
    hostile = make_simulation(
        edit=renamed, seeds=(1,), policies=policies, name=EVIL, question=EVIL, command=EVIL, settings={EVIL: EVIL}, data={"name": EVIL},
        notes=(EVIL,), incidents=(), quality="NDCG@10", versions={EVIL: EVIL},
    )  # fmt: skip
    page = render_simulation_page(hostile)
    reader = Reader(page)
    assert "script" not in {tag for tag, _ in reader.tags}
    assert "<!--" not in page  # the drawing library repeats labels in comments
    assert EVIL in reader.text
    assert "No policy qualifies, none is recommended." in reader.text
    assert 'class="answer bad"' in page
    assert ">recommended</span>" not in page
    assert page.count("Not recommended: ") == len(POLICIES)
    assert f"C: {EVIL}weekly batches" in reader.text
    assert re.search(r"<strong style=\"color: var\(--s1\)\">C</strong>", page)


def test_without_the_two_ends_there_is_no_page_and_the_old_one_stays(tmp_path):
    path = tmp_path / "simulation.html"
    path.write_text("an old page")
    with pytest.raises(EvidenceError, match="no policy never erases"):
        write_simulation_page(make_simulation(policies={**POLICIES, "never": {"operator": "auto"}}), path)
    assert path.read_text() == "an old page"
    assert [p.name for p in tmp_path.iterdir()] == ["simulation.html"]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"operator": "none"}, "Never erases: requests are received, and nothing is done. It remembers everybody: one end of the scale."),
        ({"operator": "sisa"}, "Trains anew only the shards that hold what is erased. Acts at once, for each user who asks."),
        ({"operator": "retrain"}, "Trains anew on the records that are left, whenever it acts. Acts at once, for each user who asks."),
        (
            {"operator": "newton", "batch": 20, "margin_days": 1.0},
            "Erases by a step of block Newton, an approximation. Carries requests out when those of 20 users wait; nothing waits longer "
            "than until 1 day before its deadline.",
        ),
        (
            {"operator": "own edit", "every_days": 7.0, "batch": 5, "trained": "ready2unlearn"},
            "Erases by own edit. Carries requests out every 7 days if those of 5 users wait; nothing waits longer than until 3 days before "
            "its deadline. Its model is trained by ready2unlearn.",
        ),
        (
            {"operator": "exact", "by_deadline": True, "retrain_every_days": 30, "reprepare_every_days": 90},
            "Erases by the closed form of its model, which equals retraining. Waits until the first deadline is 3 days away, then carries "
            "out all that wait. Retrains every 30 days whatever was asked. Prepares the model again every 90 days.",
        ),
        (
            {"operator": "ascent", "drift_budget": 0.05, "night_shift": True},
            "Erases by gradient ascent, an approximation. Acts at once, for each user who asks. Retrains before more than 5\u00a0% of the "
            "trained records were erased approximately. night shift: True.",
        ),
    ],
)
def test_a_policy_is_described_in_words(fields, said):
    assert " ".join(describe(fields)) == said


def test_checkpoints_without_evidence_are_listed_once_with_their_reason():
    def unproven(frames):
        rows = frames["checkpoints"]
        rows["evidence"] = np.where(rows["n_received"] < 60, "n too small: 3 users", "passed")

    sim = make_simulation(edit=unproven, seeds=(1,))
    assert without_evidence(sim) == [
        "No imprint AUC on 2025-01-31, seed 1: n too small: 3 users.",
        "No imprint AUC on 2025-03-02, seed 1: n too small: 3 users.",
    ]
    assert without_evidence(make_simulation()) == []
    many = without_evidence(make_simulation(edit=lambda frames: frames["checkpoints"].insert(0, "evidence", "self-test failed.")))
    assert many[-1] == "The same at 18 further checkpoints."
    assert len(many) == 7


def test_modelled_and_measured_seconds_stand_beside_each_other(sim):
    policy, modelled, measured, ratio = modelled_against_measured(sim)[-1]
    batches = sim.part("batches", "retrain")
    assert (policy, modelled) == ("retrain", f"{batches['modelled_seconds'].sum() / 2:,.1f}")
    assert (measured, ratio) == (
        f"{batches['seconds'].sum() / 2:,.1f}",
        f"{batches['seconds'].sum() / batches['modelled_seconds'].sum():.2f}",
    )
    assert "never" not in [row[0] for row in modelled_against_measured(sim)]
