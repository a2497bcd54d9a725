"""The dashboard: everything that happens in the sandbox, live, and its clock, faults and acts at hand.

``routes`` says what is where and who may see it. Each other module is one family of pages: small functions that read
the sandbox and give what a template shows, and the handlers that use them. The templates only lay it out.
"""
