"""Causal language models on documents: texts, tokenizers, models, and the task that the core trains and forgets."""

from r2u_rec.language.documents import Documents, decode, encode
from r2u_rec.language.models import from_state, pretrained, tiny_gpt2, tiny_llama, with_lora
from r2u_rec.language.task import TextBatch, TextTask
from r2u_rec.language.texts import Texts, load_texts
from r2u_rec.language.tokenizer import load_tokenizer, padding, train_tokenizer
