"""What managers ask of the record: figures by day, channel, agent and reason. Reads; writes only its own roll-up."""
