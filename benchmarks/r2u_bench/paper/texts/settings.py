"""The settings of a trial on text, flat as they stand in a spec, checked where a trial begins."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from r2u_bench.paper.experiment import Spec
from r2u_rec.errors import SettingsError
from r2u_rec.suggest import suggest

ARMS = (
    "standard",
    "phased",
    "reweighted",
    "dp-sgd",
    "goldfish",
    "neftune",
    "literal",
    "repaired",
    "alpha0",
    "random",
    "retrained",
)
UNLEARNERS = ("ascent", "bounded", "npo")
NOT_SETTINGS = ("kind", "device")


@dataclass(frozen=True)
class TextSettings:
    """One trial: start from a pretrained model, fine-tune by one arm, ascend on D_f, and perhaps recover on D_rc.

    Attributes:
        data, path, parts: what `load_texts` is given. forget: groups to forget, or "random" documents. retain: groups that stay,
            None for all others. heldout: groups never trained on, None for what is left of the retained ones.
        n_forget, n_retain, n_recovery, n_heldout: documents of each, at most.
        length: tokens of a document. pack: join the texts of a group and cut them, as books need.
        model: tiny-gpt2, tiny-llama, smollm2-135m, or the name or folder of a Hugging Face model. width, layers, heads, vocab_size: of the
            tiny ones. lora: rank of adapters, 0 for none.
        general: data sets that a tiny model and its tokenizer are pretrained on; the same start serves every seed, as the paper's published
            weights do. n_general: blocks of them. general_epochs, general_batch, general_lr, general_seed: of that.
        arm: see `text_arms`. seed: of everything else.
        epochs, batch_size, lr, accumulate, precision: of the fine-tuning.
        alpha, lambda0 to lambda3, n_inner, prepare_share, warmup, geometry: of the repaired arm and its controls (`core.Preparation`); the
            last share of the epochs prepares. literal_alpha, literal_lambda1, literal_lambda3, literal_n_inner: of the paper's form.
        noise_multiplier, clip: of DP-SGD.
        unlearners: ascent, bounded, npo; each starts from the same trained model. unlearn_steps: at most. unlearn_lr,
            unlearn_batch: of Adam. npo_beta: see `NegativePreference`. stop_loss: nats of mean forget loss at which the curve ends, 0 for
            the chance level. curve_every: steps between points. n_measured: documents of each set in a point of a curve.
        recoveries: 0 for all of D_rc, 1 to 4 for a quantile of similarity to D_f; empty for none. recovery_epochs, recovery_lr: of them.
        prepared_quantile: the part of D_rc that the preparation sees, numbered likewise.
        token_picture, states_picture: measure what Figures 7 and 11 show.
    """

    data: str
    seed: int
    arm: str
    path: str | None = None
    parts: tuple[str, ...] | None = None
    forget: tuple[str, ...] | str = "random"
    retain: tuple[str, ...] | None = None
    heldout: tuple[str, ...] | None = None
    n_forget: int = 96
    n_retain: int = 160
    n_recovery: int = 0
    n_heldout: int = 96
    length: int = 64
    pack: bool = False
    model: str = "tiny-gpt2"
    width: int = 128
    layers: int = 4
    heads: int = 4
    vocab_size: int = 2048
    lora: int = 0
    general: tuple[str, ...] = ()
    n_general: int = 4096
    general_epochs: int = 2
    general_batch: int = 16
    general_lr: float = 2e-3
    general_seed: int = 0
    epochs: int = 12
    batch_size: int = 16
    lr: float = 1e-3
    accumulate: int = 1
    precision: str = "float32"
    alpha: float = 4e-4
    geometry: str = "sign"
    lambda0: float = 1.0
    lambda1: float = 2.0
    lambda2: float = 0.0
    lambda3: float = 4.0
    n_inner: int = 8
    prepare_share: float = 0.2
    warmup: float = 0.0
    literal_alpha: float = 1e-5
    literal_lambda1: float = 2.0
    literal_lambda3: float = 4.0
    literal_n_inner: int = 16
    noise_multiplier: float = 1.0
    clip: float = 0.1
    unlearners: tuple[str, ...] = ("ascent",)
    unlearn_steps: int = 120
    unlearn_lr: float = 1e-5
    unlearn_batch: int = 16
    npo_beta: float = 6.4
    stop_loss: float = 0.0
    curve_every: int = 4
    n_measured: int = 48
    recoveries: tuple[int, ...] = ()
    recovery_epochs: int = 4
    recovery_lr: float = 1e-3
    prepared_quantile: int = 0
    token_picture: bool = False
    states_picture: bool = False

    def __post_init__(self) -> None:
        for name, known in (("arm", ARMS), *((("unlearners", UNLEARNERS),) if self.unlearners else ())):
            value = getattr(self, name)
            wrong = [each for each in ([value] if isinstance(value, str) else value) if each not in known]
            if wrong:
                raise SettingsError(f"{name} must be of {', '.join(known)}, got {wrong[0]!r}")
        for name in ("n_forget", "n_retain", "n_heldout", "n_measured", "epochs", "batch_size", "unlearn_steps", "curve_every", "n_inner"):
            if getattr(self, name) < 1:
                raise SettingsError(f"{name} must be >= 1, got {getattr(self, name)}")
        if not 0 < self.prepare_share <= 1:
            raise SettingsError(f"prepare_share must lie in (0, 1], got {self.prepare_share}")
        needs_recovery = bool(self.recoveries) or self.lambda2 > 0
        if needs_recovery and self.n_recovery < 4:
            raise SettingsError(f"recovery needs n_recovery >= 4 documents, got {self.n_recovery}")
        if any(each not in range(5) for each in (*self.recoveries, self.prepared_quantile)):
            raise SettingsError(f"quantiles are 1 to 4, and 0 for all, got {self.recoveries} and {self.prepared_quantile}")

    @property
    def prepared_epochs(self) -> int:
        """How many of the epochs, the last ones, prepare."""
        return max(1, round(self.prepare_share * self.epochs))


def text_settings(spec: Spec) -> TextSettings:
    """Returns the settings that a spec holds.

    Raises:
        SettingsError: a key that is no setting, one that is missing, or a value out of range.
    """
    known = {field.name for field in fields(TextSettings)}
    given: dict[str, Any] = {}
    for key, value in spec.items():
        if key in NOT_SETTINGS:
            continue
        if key not in known:
            raise SettingsError(f"a trial on text has no setting {key!r}{suggest(key, known)}")
        given[key] = tuple(value) if isinstance(value, list) else value
    missing = [name for name in ("data", "seed", "arm") if name not in given]
    if missing:
        raise SettingsError(f"a trial on text needs {missing[0]!r}")
    return TextSettings(**given)
