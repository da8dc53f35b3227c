"""A case from report to outcome: an aggregate to a file, their facts apart."""
