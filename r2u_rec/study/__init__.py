"""The one experiment: split, requests, references, judge; and what a method is built for."""
