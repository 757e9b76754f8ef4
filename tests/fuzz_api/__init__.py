"""The reference controller as a program, tried by Schemathesis: each answer fits the document."""
