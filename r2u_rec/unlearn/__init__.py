"""Methods that fit any model: retrain, gradient ascent, block Newton, and the combinator that joins training and editing."""
