"""Voice agents: their config and its versions, their templates, and the reasons why one cannot answer."""
