"""The paper's experiments, each a command: what is run, how it is judged, how it is drawn. `experiment` tells how one is added."""
