"""Methods that fit any model: retrain, gradient ascent, block Newton, shards, and the combinator that joins training and editing."""
