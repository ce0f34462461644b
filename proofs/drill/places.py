"""What the drill deploys, and where."""

DEPLOYMENT = "kms-failover"
KEY_SET = "orders"
PREFERRED, OTHER = "us-east-1", "us-west-2"
REGIONS = (PREFERRED, OTHER)
HOME = {PREFERRED: "orders-use1", OTHER: "orders-usw2"}  # where clients of a region write
REPLICA = {PREFERRED: "orders-use1-replica", OTHER: "orders-usw2-replica"}  # by the home's region; in the other region
BUCKETS = {HOME[PREFERRED]: PREFERRED, REPLICA[PREFERRED]: OTHER, HOME[OTHER]: OTHER, REPLICA[OTHER]: PREFERRED}
CONTEXT = {"purpose": "drill"}
