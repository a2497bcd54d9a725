"""Tables and arithmetic without state: what cards do, what things cost, which limits hold."""
