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

    from r2u_rec.config.sources import check_data, read

    check_data(s.data)
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
    print(f"run folder: {out}")
    return 0
