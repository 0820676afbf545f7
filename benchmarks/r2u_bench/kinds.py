"""The kinds of trial that the experiments bring.

A trial's name is the hash of its spec, and the kind is part of it: a kind keeps the name under which its trials were first stored,
whatever module carries it out today.
"""

KINDS = {
    "image": "r2u_bench.paper.images.trial:run@1",
    "text": "r2u_bench.paper.texts.trial:run@1",
    "cost": "r2u_bench.paper.cost_trial:run@1",
    "r2u_rec.rivals.trial:reference@1": "r2u_bench.rivals.trial:reference@1",
    "r2u_rec.rivals.trial:system@1": "r2u_bench.rivals.trial:system@1",
}
"""Name of a kind -> module:function@version; the module is imported only where a trial runs."""
