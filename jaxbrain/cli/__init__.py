"""The command line: what ``python -m jaxbrain`` runs. Nothing here is needed by the library."""
