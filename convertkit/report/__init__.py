"""The types of `report.json`, reading and writing it. Must not render or measure."""
