"""One name, one place: models, ways to train, methods of forgetting, scorers."""

from r2u_rec.registry.registry import Registry
from r2u_rec.registry.specs import ArmSpec, MethodSpec, ModelSpec, NoSettings, Recipe, setting
from r2u_rec.registry.tables import ARMS, METHODS, MODELS, SCORERS

__all__ = ["ARMS", "METHODS", "MODELS", "SCORERS", "ArmSpec", "MethodSpec", "ModelSpec", "NoSettings", "Recipe", "Registry", "setting"]
