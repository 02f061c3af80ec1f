"""Where and when a job runs, and what that costs in money and carbon."""
