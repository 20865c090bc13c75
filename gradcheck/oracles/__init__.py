"""Oracles: each answers one question, the derivative of ⟨u, f⟩ along v at x, as an estimate with a
measured bar.
"""  # noqa: D205
