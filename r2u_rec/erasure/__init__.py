"""Erasure: requests, and streams of them to simulate what a recommender lives through."""

from r2u_rec.erasure.arrivals import Incident, draw_requests
from r2u_rec.erasure.population import Arrivals, draw_arrivals, draw_later, draw_newcomers, draw_returns, merged
from r2u_rec.erasure.replay import read_requests
from r2u_rec.erasure.requests import KINDS, Request, ids_of
from r2u_rec.erasure.stream import Return, Stream, read_stream, write_stream

__all__ = [
    "KINDS",
    "Arrivals",
    "Incident",
    "Request",
    "Return",
    "Stream",
    "draw_arrivals",
    "draw_later",
    "draw_newcomers",
    "draw_requests",
    "draw_returns",
    "ids_of",
    "merged",
    "read_requests",
    "read_stream",
    "write_stream",
]
