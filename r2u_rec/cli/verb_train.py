"""r2u train: a model, prepared for erasure or not, in a run folder."""

from __future__ import annotations

from collections.abc import Sequence

from r2u_rec.cli.model_settings import CLOSED_FORMS
from r2u_rec.cli.parse import parse, settings_of, settings_parser
from r2u_rec.cli.runs import folder_for
from r2u_rec.cli.settings import write_settings


def run(argv: Sequence[str]) -> int:
    """Trains as `prepare.arm` says and keeps what `forget.operator` needs later."""
    parser = settings_parser(
        "train",
        "Trains a model as prepare.arm says, keeps what forget.operator needs later, and writes a run folder.",
        ("data", "model", "training", "prepare", "forget", "revocability"),
    )
    parser.add_argument("--out", default=None, metavar="FOLDER", help="the run folder; by default runs/train-<date and time>")
    given = parse(parser, argv)
    s, out = settings_of(given), folder_for(given.out, "train")

    import json

    from r2u_rec.cli import build, sources
    from r2u_rec.cli.cohorts import draw_cohorts
    from r2u_rec.cli.job import drawn_study
    from r2u_rec.errors import SettingsError
    from r2u_rec.storage import put, written_whole

    with build.threads(s.training.threads), written_whole(out, verb="train", about={"model": s.model.name}) as part:
        log = sources.read(s.data)
        study = drawn_study(s, log)
        assert study.scores is not None
        cohorts = draw_cohorts(study.parts.train, study.scores, s.revocability, seed=s.seed)
        epochs: list[dict[str, float]] = []
        records = study.records
        watched = s.model.name not in CLOSED_FORMS and len(study.stable_users) > 0
        if not watched and (s.prepare.most_loss is not None or s.training.patience is not None):
            raise SettingsError(
                f"prepare.most_loss={s.prepare.most_loss} and training.patience={s.training.patience} go by the validation quality of "
                "users who are not revocable, and there are none: raise data.shares, or let fewer users be revocable"
            )
        method = build.method(
            s,
            s.prepare.arm,
            build.operator_of(s),
            cohorts,
            on_history=lambda history: epochs.extend(history.epochs),
            validate=study.stable_quality if watched else None,
        )
        fitted = method.fit(build.task(s.model), records, seed=s.seed)
        put(fitted, part)
        write_settings(s, part)
        (part / "history.json").write_text(json.dumps(epochs, indent=1) + "\n")
    how = "in closed form" if s.model.name in CLOSED_FORMS else s.prepare.arm
    if build.operator_of(s) == "sharded":
        how += f", {s.forget.shards} shards of {s.forget.slices} {'slice' if s.forget.slices == 1 else 'slices'}"
    print(f"trained {s.model.name} ({how}) on {len(fitted.records)} interactions")
    if watched:
        reached = study.stable_quality(fitted.model)
        print(f"validation {study.quality_name} of users who are not revocable: {reached:.4f}")
    print(
        f"{len(cohorts.holdout) + len(cohorts.calibration_users)} users were kept out of training (revocability.holdout, calibration_share)"
    )
    print(f"run folder: {out}")
    return 0
