"""From a folder of texts to an index that can be searched: documents, passages, vectors, terms."""

from indexer.errors import DocumentError, GuideError, IndexMissing, IndexUnusable
from indexer.index import Index
from indexer.types import Document, Passage

__all__ = [
    "Document",
    "DocumentError",
    "GuideError",
    "Index",
    "IndexMissing",
    "IndexUnusable",
    "Passage",
]
