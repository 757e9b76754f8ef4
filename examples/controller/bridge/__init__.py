"""The Bridge: a live page in a module, a style sheet and a document."""
