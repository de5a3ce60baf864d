"""Vector indexes (FAISS, on a GPU) and vector stores (Milvus), each behind one protocol."""
