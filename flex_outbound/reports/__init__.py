"""Figures for managers: clicks by day, channel, agent and reason. Writes nothing but its own roll-up."""
