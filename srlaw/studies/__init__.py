"""The computations behind the chapters of the book, one module a chapter; the notebooks hold the argument."""
