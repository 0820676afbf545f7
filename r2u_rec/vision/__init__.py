"""Image classification: sets, the small network, the task, and what is measured on it."""

from r2u_rec.vision.cnn import SmallCNN, any_module, cnn
from r2u_rec.vision.images import ImageParts, ImageSet
from r2u_rec.vision.load import from_arrays, load_images
from r2u_rec.vision.measure import accuracy, kl, mislabelled, probabilities
from r2u_rec.vision.task import ImageBatch, ImageTask
