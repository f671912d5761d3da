"""Models behind a completion server that is up already: vLLM, SGLang, llama.cpp, Ollama."""
