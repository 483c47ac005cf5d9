"""Arrays and images in, fitted to the model and split. Must not judge them or convert."""
