"""Lets the tests of this folder import the toy texts beside them, and builds the tokenizer once."""

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
os.environ.setdefault("HF_HUB_OFFLINE", "1")  # no test asks the network for a model


@pytest.fixture(scope="session")
def tokenizer():
    from language_toys import TEXTS

    from r2u_rec.language.tokenizer import train_tokenizer

    return train_tokenizer(TEXTS.text, 300)


@pytest.fixture(scope="session")
def documents(tokenizer):
    """48 short documents of 5 to 16 tokens in three groups."""
    from language_toys import TEXTS

    from r2u_rec.language.documents import encode_documents

    return encode_documents(TEXTS, tokenizer, 16)
