"""Conformance suites for authors of models, methods and tasks; the library's own tests run them too.

An author brings a case and runs every check (`check_method`, `check_model`, `check_task`), or hands the single checks (`method_checks`,
`model_checks`, `task_checks`) to a test framework. A check raises AssertionError; no test framework is needed.
"""

from r2u_rec.testing.checkerboard import checkerboard, histories, right_colour_share
from r2u_rec.testing.checks import Check
from r2u_rec.testing.contents import content, leaves, state_bytes
from r2u_rec.testing.methods import MethodCase, check_method, method_checks
from r2u_rec.testing.models import ModelCase, check_model, model_checks
from r2u_rec.testing.row_gradients import row_curvature, row_gradient
from r2u_rec.testing.tasks import TaskCase, check_task, task_checks
from r2u_rec.testing.watched import LockedRecords, watched

__all__ = [
    "Check",
    "LockedRecords",
    "MethodCase",
    "ModelCase",
    "TaskCase",
    "check_method",
    "check_model",
    "check_task",
    "checkerboard",
    "content",
    "histories",
    "leaves",
    "method_checks",
    "model_checks",
    "right_colour_share",
    "row_curvature",
    "row_gradient",
    "state_bytes",
    "task_checks",
    "watched",
]
