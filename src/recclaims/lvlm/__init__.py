"""Vision-language models: their prompts, their answers, the keywords in them, and their embeddings."""
