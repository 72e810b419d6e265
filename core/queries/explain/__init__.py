"""Sentences that explain a delivery: its outcome, what it waits for, and what a resend would do."""
