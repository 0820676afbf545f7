"""Experiments on r2u_rec: the paper's figures, rival systems, and the studies behind the documentation."""
