"""Our delivery of 13 commands as programs on other libraries, each written as its users would."""
