"""What a backtest must tell before it is believed: bands, luck, costs, knowledge, warnings. It never trades itself."""
