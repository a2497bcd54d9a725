"""The dashboard: everything that happens in the sandbox as it happens, its clock, faults and simulated actions.

``routes`` holds the paths and the checks of access. Each other module is one family of pages: small functions that read
the sandbox and return what a template shows, and the handlers that use them. The templates only lay it out.
"""
