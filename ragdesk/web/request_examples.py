"""What the bodies of requests may look like, by the names of their models in ``/openapi.json``."""

from typing import Any, Final

CONVERSATION: Final = "5f0c3c0e9a1b4d6f8e7a2b3c4d5e6f70"
ANSWER: Final = "0b9d4a7c1e2f43588a6b7c8d9e0f1a2b"
PASSAGE: Final = "3e1f0a9b8c7d6e5f"

REQUEST_EXAMPLES: Final[dict[str, dict[str, Any]]] = {
    "Ask": {"question": "How long do refunds take?", "collection": "default"},
    "Search": {"query": "refund", "collection": "default", "top_k": 8},
    "ChatCompletionIn": {
        "model": "ragdesk",
        "messages": [{"role": "user", "content": "How long do refunds take?"}],
    },
    "ConversationIn": {"collection": "default", "title": "Refunds"},
    "ConversationChange": {"title": "Refund of a gift card"},
    "FeedbackIn": {
        "answer": ANSWER,
        "verdict": "down",
        "reasons": ["incomplete"],
        "comment": "It leaves out gift cards.",
    },
    "HandoffIn": {
        "conversation": CONVERSATION,
        "text": "I would rather talk to somebody.",
        "contact": {"name": "Mia", "email": "mia@example.org"},
        "language": "en",
    },
    "HandoffReplyIn": {"text": "It was sent back to your card today."},
    "HandoffTransferIn": {"to": "Billing", "text": "About an invoice."},
    "HandoffNoteIn": {"text": "It came back."},
    "HandoffEndIn": {"text": "Solved by telephone."},
    "HandoffRatingIn": {"rating": 5, "comment": "Quick and kind."},
    "DraftNew": {
        "question": "Can I pay by invoice?",
        "answer": "Yes: companies pay by invoice within 30 days.",
        "similar": ["Do you send invoices?"],
        "collection": "default",
    },
    "DraftEdit": {
        "question": "Can I pay by invoice?",
        "answer": "Yes: companies pay by invoice within 14 days.",
    },
    "DraftApproval": {"personal_checked": True},
    "DraftRejection": {"reason": "It says the same as another entry."},
    "AnswerCorrection": {"answer": ANSWER, "text": "Gift cards are not refunded."},
    "TurnIntentIn": {"intent": "refund_status"},
    "RollbackIn": {"to": 3, "confirm": "default"},
    "RetrievalIn": {"question": "How long do refunds take?", "groups": ["staff"], "top_k": 8},
    "CaseIn": {
        "question": "How long do refunds take?",
        "chunks": [PASSAGE],
        "must_include": ["5 working days"],
    },
    "KeyIn": {"name": "Website backend", "role": "asker", "groups": ["staff"], "days": 365},
    "SiteIn": {
        "name": "Shop",
        "origins": ["https://shop.example"],
        "collections": ["default"],
        "daily_answers": 2000,
    },
    "SignIn": {"key": "rd_…"},
}
