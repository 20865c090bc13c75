"""The power of gradient checkers, measured on planted bugs and hard right gradients."""
