"""The settings of an embedder, with which documents are searched by meaning; part of ControlSettings."""

from pydantic import BaseModel, Field, SecretStr

from config.setting_types import WebUrl


class EmbedderSettings(BaseModel):
    """An embedder with OpenAI's API. Without a URL there is none."""

    embedder_url: WebUrl | None = Field(
        None,
        description="Embedder for searching documents by meaning, by OpenAI's API: its URL with the version, like "
        "https://api.openai.com/v1. Needs pgvector in the database; without it, documents are searched by full text.",
    )
    embedder_model: str = Field(
        "text-embedding-3-small", min_length=1, max_length=200, description="Model of the embedder."
    )
    embedder_key: SecretStr = Field(SecretStr(""), description="Key of the embedder, if it requires one.")
    embedder_dimensions: int = Field(
        1_024,
        ge=0,
        le=1_024,
        description="Number of values of a vector that is requested from the embedder; 0: the model's own number.",
    )
    embedder_question_timeout_s: float = Field(
        0.25,
        gt=0,
        le=2,
        description="Timeout of the embedder for a question in a call, in seconds; then full text alone answers.",
    )
    embedder_least_similarity: float = Field(
        0.3,
        ge=0,
        le=1,
        description="Cosine similarity of question and passage below which a passage is not found; depends on "
        "the model.",
    )
