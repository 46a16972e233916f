"""Voice agents: their config and its versions, the templates they start from, and what makes one able to answer."""
