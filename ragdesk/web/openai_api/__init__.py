"""The API in OpenAI's shapes: chat completions and models, for clients that speak no other."""
