"""A Locust load test for all protocols of the server that also checks every delivery.

Locust loads each file of this directory that does not begin with an underscore, so only `locustfile.py` is one.
"""
