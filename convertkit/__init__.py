"""convertkit: PyTorch models to the artifact that ships, compared with the source after every hop."""

__version__ = "0.1.0"
