"""Any spreadsheet as text cells with their line numbers. `table` is the door."""
