"""What a language model is shown, as compact lines of text: chart, order book, headlines. Same input, same text."""
