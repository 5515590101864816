"""What Twilio's OpenAPI files say about requests, reduced to a table, and the check of requests against it."""
