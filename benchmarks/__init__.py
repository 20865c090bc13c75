"""Measurements of gradcheck against planted bugs, other checkers and the clock."""
