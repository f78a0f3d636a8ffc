"""The data: records, tables, the store and content packs; knows no sound, no HTTP."""
