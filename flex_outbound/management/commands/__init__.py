"""Management commands of flex_outbound."""
