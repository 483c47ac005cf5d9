"""The same weights in every framework, and the samples a second of each. Must not import a framework."""
