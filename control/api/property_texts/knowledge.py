"""Properties of documents that agents search."""

from typing import Final

from control.http.api_reference import PropertyText as Text
from control.knowledge.model import FAILURES

_ID: Final = "01966f4e-7c5a-7d3e-9b1f-3c2a1d4e5f60"

KNOWLEDGE: Final = {
    "KnowledgeDocumentAnswer.document": Text("The document."),
    "KnowledgeDocumentList.documents": Text("The documents."),
    "document_id": Text("Id of the document.", _ID),
    "document_ids": Text("Ids of documents; empty: all of the workspace.", [_ID]),
    "KnowledgeDocumentView.name": Text("Under which agents cite it.", "Price list 2027"),
    "KnowledgeDocumentView.format": Text("Found by the file's content.", "pdf"),
    "KnowledgeDocumentView.language": Text("Of its text: a BCP 47 tag.", "en"),
    "KnowledgeDocumentView.size_bytes": Text("Bytes of its file.", 48_213),
    "KnowledgeDocumentView.status": Text("pending: its text is being read; ready: agents find it.", "ready"),
    "failure": Text(f"Why it cannot be searched: {', '.join(FAILURES)}; null otherwise.", None),
    "failure_message": Text("The same as a sentence; null otherwise.", None),
    "pages": Text("Pages of a PDF; null for other formats.", 12),
    "chunk_count": Text("Pieces of its text that are searched.", 34),
    "KnowledgeDocumentView.created_by": Text("Id of the member who added it; null if that account is deleted."),
    "indexed_at": Text("When its text was read last (UTC); null: not yet."),
    "passages": Text("The passages, best first."),
    "PassageView.document": Text("Name of the document.", "Price list 2027"),
    "citations": Text("Passages of documents that the model was given for its answer; which one it used, it says."),
    "Citation.document": Text("Name of the document at that time.", "Price list 2027"),
    "Citation.page": Text("Page, from 1; null where there are none.", 2),
    "PassageView.page": Text("Page, from 1; null where there are none.", 2),
    "heading": Text("The headings that it stands under, the outermost first; may be empty.", "Prices > Crowns"),
    "PassageView.text": Text("The passage.", "A crown costs 480 dollars."),
    "share": Text("Share of the question's weight that is in it, 0 to 1.", 0.82),
}
