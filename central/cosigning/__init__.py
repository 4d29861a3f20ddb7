"""What witness and mirror share: keys, heads that only grow, and what a submission deserves."""
