"""What may happen: the states, the tables, what runs them, what checks a trace."""
