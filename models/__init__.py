"""The data model: records, tables, the store and content packs; imports nothing about audio or HTTP."""
