"""Address sharing that is computed and not logged: from outside address and port straight to the inside.

Pure. Not here: who holds the inside address or delegated prefix; that is a look-up of its own over the same window.
"""
