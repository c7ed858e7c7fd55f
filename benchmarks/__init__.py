"""Benchmarks of jaxbrain against hand-written JAX and other libraries."""
