"""Conversations' part of the sandbox: conversations, participants, messages and their webhooks."""
