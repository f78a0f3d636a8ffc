"""The persona's replies: preparation, playout, and the ledger of what was heard."""
