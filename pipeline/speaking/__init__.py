"""The persona's reply on its way to the ear: preparation, pacing, and the ledger of what was heard."""
