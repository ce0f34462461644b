"""AWS, through boto3: one module a service or concern."""
