# The names of the room; `__init__.py` imports each when it is asked for.
from .documents import Documents as Documents
from .documents import decode as decode
from .documents import encode_documents as encode_documents
from .models import from_state as from_state
from .models import pretrained as pretrained
from .models import tiny_gpt2 as tiny_gpt2
from .models import tiny_llama as tiny_llama
from .models import with_lora as with_lora
from .task import TextBatch as TextBatch
from .task import TextTask as TextTask
from .texts import Texts as Texts
from .texts import load_texts as load_texts
from .tokenizer import load_tokenizer as load_tokenizer
from .tokenizer import padding as padding
from .tokenizer import train_tokenizer as train_tokenizer
