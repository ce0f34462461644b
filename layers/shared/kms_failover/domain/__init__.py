"""Values, decisions, and the services that carry these out through ports: no boto3, environment, clock or logging."""
