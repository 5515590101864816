"""What agents are called and may do (vocabulary)."""

from typing import Final

AGENTS: Final = "Flex agents"
"""The group of users who may open conversations."""

CODENAME: Final = "add_interaction"
PERMISSION: Final = f"flex_outbound.{CODENAME}"
"""What opening conversations takes."""

SUPERVISE_CODENAME: Final = "supervise"
SUPERVISE_PERMISSION: Final = f"flex_outbound.{SUPERVISE_CODENAME}"
"""What taking over the conversations of others takes."""

START_CODENAME: Final = "start_interaction"
START_PERMISSION: Final = f"flex_outbound.{START_CODENAME}"
"""What asking for an agent by program takes. No group has it by itself: give it to the program's user."""

LINK_CODENAME: Final = "link_conversation"
LINK_PERMISSION: Final = f"flex_outbound.{LINK_CODENAME}"
"""What saying whose a conversation is takes."""
