"""Tables, figures and the page, from the records of a run.

Imports core, video and the results that `attacks.base` defines.
"""
