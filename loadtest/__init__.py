"""A Locust load test for the `line` protocol that also checks every delivery.

Locust loads each file of this directory that does not begin with an underscore, so only `locustfile.py` is one.
"""
