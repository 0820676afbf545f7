"""From scores to revocable users: rules, policies, matched cohorts."""
