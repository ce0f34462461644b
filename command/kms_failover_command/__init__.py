"""`kms-failover`: applies key sets, and gives the orders of the runbooks."""
