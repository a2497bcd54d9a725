"""What becomes of objects over time: states and what moves them, one module for each noun of the payment field.

A lifecycle knows no parameters and no HTTP: operations, alarms, pages and other lifecycles all come here.
"""
