"""The tables of the database, each module those of one subject.

    schema          the tables, and the migrations from older versions
    file            opening the file, queries, transactions
    conversations   rooms and pairs of users, and the place of each message in its conversation
    messages        messages and their extras: writing, replacing
    past            messages: reading
    pruning         messages: deleting those that are not kept any longer
    boxes           direct messages that wait for the owner of an account
    accounts        accounts and their metadata
    sessions        sessions with their tags, read markers

Each is a class, derived from `DatabaseFile` or from another one here whose methods it uses. There is no other way in
which one uses another. `parley.server.storage.database` combines them to a store, and has what concerns several of
them. Methods without a docstring are described in `parley.server.storage.memory.Store`.
"""
