"""A local stand-in for Twilio Flex that speaks Twilio's HTTP API.

It stands beside the way of the data, not in it: the gateway reaches it instead of Twilio when
``API_BASE_URL`` points here. Nothing in this package imports Django or any other part of the project.
"""
