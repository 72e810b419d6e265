"""Words that people read: names of outcomes, durations, times and zones, masked credentials."""
