"""The go-live list: what the program itself can find out before real money is traded. Looks, and changes nothing.

`checklist.look` asks everything once; `wording` puts it into lines for people and an object for programs.
"""
