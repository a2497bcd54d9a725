"""What each operation does: one module for each section of the API, without routing and without HTTP.

A behaviour is a function of the state and the parameters, registered under its operation's SDK name.
"""
