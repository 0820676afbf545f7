"""r2u_rec: recommenders that can forget."""

__version__ = "0.1.0"
