"""The tables of the database, each module those of one subject.

    schema          how the tables are made, and how those of an older version become today's
    file            the file: opening it, queries, transactions
    conversations   rooms and pairs that have talked, and where each message stands in its conversation
    messages        what was said, with its numbers, and what goes along with it: writing and removing
    past            what was said: reading
    pruning         what is not kept any longer
    boxes           what is kept for the owner of an account
    accounts        accounts and what they tell of themselves
    sessions        sessions that one may come back to, and up to where somebody has read

A part is a class that is derived from another one here, or from `DatabaseFile`, if it uses what that has; there is no
other way in which one part knows of another. `server.storage.database` puts them together to a store, and has what
concerns several of them. Methods without a docstring are described by `server.storage.memory.Store`.
"""
