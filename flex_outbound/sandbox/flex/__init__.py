"""Flex's part of the sandbox: interactions, their channels and webhooks, the Flex configuration."""
