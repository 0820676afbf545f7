# The names of the room; `__init__.py` imports each when it is asked for.
from .cnn import SmallCNN as SmallCNN
from .cnn import any_module as any_module
from .cnn import cnn as cnn
from .images import ImageParts as ImageParts
from .images import ImageSet as ImageSet
from .load import from_arrays as from_arrays
from .load import load_images as load_images
from .measure import accuracy as accuracy
from .measure import label_kl as label_kl
from .measure import mislabelled as mislabelled
from .measure import probabilities as probabilities
from .task import ImageBatch as ImageBatch
from .task import ImageTask as ImageTask
