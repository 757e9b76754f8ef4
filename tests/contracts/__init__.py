"""The conformance kit: sound adapters pass it, and each broken one fails it by its promise."""
