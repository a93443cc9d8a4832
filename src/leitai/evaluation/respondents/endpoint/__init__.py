"""OpenAI-compatible endpoints: vLLM, SGLang, llama.cpp, Ollama, DashScope, hosted Llama 3."""

from leitai.evaluation.respondents.endpoint.spec import EndpointSpec, Price

__all__ = ["EndpointSpec", "Price"]
