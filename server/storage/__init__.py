"""The stores, in memory or in a database: messages, accounts, boxes, sessions, read markers."""
