"""Interactions: read, check, encode, split and sample them."""

from r2u_rec.data.appending import append
from r2u_rec.data.catalogue.names import Availability, check_counts, describe, fetch, list_datasets, load_dataset, load_parts, obtain
from r2u_rec.data.filters import compact, k_core, rated_at_least
from r2u_rec.data.log import InteractionLog
from r2u_rec.data.negatives import popularity_negatives, present_negatives, uniform_negatives
from r2u_rec.data.reading.adjacency import read_adjacency
from r2u_rec.data.reading.read import read_given, read_log
from r2u_rec.data.reading.text import TextFormat
from r2u_rec.data.split import Parts, by_time, given, leave_last_out, random_per_user
from r2u_rec.data.vocabulary import Vocabulary
