"""The command line, which ``python -m jaxbrain`` runs. The library does not import it."""
