"""Erasure: requests, streams of them, and the simulation of what becomes of a recommender under a policy."""

from r2u_rec.simulation.arrivals import Incident, draw_requests
from r2u_rec.simulation.calibration import calibrated, calibrated_training
from r2u_rec.simulation.cost_model import OperatorCost, Plan, TouchesShards, choose
from r2u_rec.simulation.outcome import BatchEvent, CheckpointState, Outcome
from r2u_rec.simulation.policies import READY, Policy, ready
from r2u_rec.simulation.population import Arrivals, draw_arrivals, draw_later, draw_newcomers, draw_returns, merged
from r2u_rec.simulation.replay import read_requests
from r2u_rec.simulation.requests import KINDS, Request, ids_of
from r2u_rec.simulation.simulator import simulate
from r2u_rec.simulation.stream import Return, Stream, read_stream, write_stream
from r2u_rec.simulation.watch import StreamEvaluator, users_who_asked

__all__ = [
    "KINDS",
    "READY",
    "Arrivals",
    "BatchEvent",
    "Incident",
    "Moment",
    "OperatorCost",
    "Outcome",
    "Plan",
    "Policy",
    "Request",
    "Return",
    "Stream",
    "TouchesShards",
    "Watch",
    "calibrated",
    "calibrated_training",
    "choose",
    "draw_arrivals",
    "draw_later",
    "draw_newcomers",
    "draw_requests",
    "draw_returns",
    "ids_of",
    "merged",
    "read_requests",
    "read_stream",
    "ready",
    "simulate",
    "users_who_asked",
    "write_stream",
]
