"""What is wrong with this installation: checks side by side with time limits. Looks, and changes nothing.

`examination.examine` runs them all; `check` puts what they found into words.
"""
