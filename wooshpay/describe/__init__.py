"""What the declarations and objects say, as plain facts, as JSON Schema and as an OpenAPI document.

Nothing here sends or receives anything: the command line and the sandbox read it.
"""
