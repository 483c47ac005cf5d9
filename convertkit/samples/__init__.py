"""Arrays and images in, fitted to the model and split. Must not judge or run models but to read a signature."""
