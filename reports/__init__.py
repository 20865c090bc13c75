"""Reports: what gradcheck finds in the reference models and in worked examples."""
