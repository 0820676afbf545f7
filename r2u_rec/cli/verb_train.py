"""r2u train: a model, trained on everyone unless a flag holds something out, in a run folder."""

from __future__ import annotations

from collections.abc import Sequence

from r2u_rec.cli.command import Command
from r2u_rec.cli.runs import folder_for

SECTIONS = ("data", "split", "model", "training", "prepare", "forget", "revocability")


def run(argv: Sequence[str]) -> int:
    """Trains as `prepare.arm` says and keeps what `forget.method` needs later."""
    command = Command(
        "train",
        "Trains a model and keeps what forget.method needs later, in a run folder. It is trained on everyone; --data.split and "
        "--revocability.holdout hold out what r2u evaluate measures by.",
        SECTIONS,
    )
    command.parser.add_argument("--out", metavar="FOLDER", help="the run folder; by default runs/train-<date and time>")
    given = command.parse(argv)
    s, out = given.settings, folder_for(given.options.out, "train")
    plan = s.plan()  # what does not fit together is refused before anything is read

    from r2u_rec.config.sources import checked, read

<<<<<<< HEAD
    from r2u_rec.cli import build, sources
    from r2u_rec.cli.cohorts import draw_cohorts
    from r2u_rec.cli.job import drawn_study
    from r2u_rec.errors import SettingsError
    from r2u_rec.storage.fitted import save_fitted, written_whole

    with build.threads(s.training.threads), written_whole(out) as part:
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
        save_fitted(fitted, part, about={"verb": "train"})
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
=======
    checked(s.data)
    log = read(s.data)

    from r2u_rec.api.runs import train_run

    model, study = train_run(s, log, out)
    how = "in closed form" if plan.spec.closed_form else plan.arm.name
    n_users = int((model.log.user_counts > 0).sum())
    print(f"trained {plan.spec.class_name} ({how}) on {len(model.log)} interactions of {n_users} users; it forgets by {plan.method.name}")
    if study is not None and len(study.stable_users):
        reached = study.stable_quality(model.trained.fitted.model)
        print(f"validation {study.quality_name} of users who are not revocable: {reached:.4f}")
    if apart := int((log.user_counts > 0).sum()) - n_users:
        print(f"{apart} users were kept out of training (revocability.holdout, calibration_share)")
>>>>>>> 7a8fd92 (wip: verbs)
    print(f"run folder: {out}")
    return 0
