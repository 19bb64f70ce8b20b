"""Makes `services/news/sentiment.json`: a lexicon, sentences written for the purpose, and the training."""
