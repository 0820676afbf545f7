"""Erasure: requests, and streams of them to simulate what a recommender lives through."""

from r2u_rec.erasure.requests import KINDS, Request, ids_of
from r2u_rec.erasure.stream import Return, Stream

__all__ = ["KINDS", "Request", "Return", "Stream", "ids_of"]
