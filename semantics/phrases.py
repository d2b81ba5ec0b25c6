"""What is said when an obligation fails, where other modules tell by it what the obligation is."""

LEFT = "a message may be left that nobody will receive any more"
ORPHAN = "an answer comes to nobody: its asker has gone, or has been answered"
