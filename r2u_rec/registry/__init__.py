"""One name, one place: models, ways to train, methods of forgetting."""

from r2u_rec.registry.registry import Registry
from r2u_rec.registry.specs import ArmSpec, MethodSpec, ModelSpec, NoSettings, Recipe, setting
from r2u_rec.registry.tables import ARMS, METHODS, MODELS

__all__ = ["ARMS", "METHODS", "MODELS", "ArmSpec", "MethodSpec", "ModelSpec", "NoSettings", "Recipe", "Registry", "setting"]
