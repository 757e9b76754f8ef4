"""The stores of the examples: the contract, bad input, and processes that contend and die."""
