"""Documents and CloudEvents that were damaged by seed: only typed refusals come out, and soon."""
