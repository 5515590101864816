"""Click-to-message for any Django CRM over Twilio Flex."""

__version__ = "0.1.0"
